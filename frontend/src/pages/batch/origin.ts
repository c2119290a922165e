const MACHINERY: Record<string, string> = { cron: "the crontab", workflow: "a workflow", master: "the master" };

/** Say who asked for something: a person by the login, machinery in words that no login has. */
export function byWhom(origin: string, login: string): string {
  return origin === "person" ? login : (MACHINERY[origin] ?? `(${origin})`);
}
