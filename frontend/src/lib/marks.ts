/** How something is judged; each mark has a shape and a colour of its own. */
export type Mark = "ok" | "warn" | "bad" | "unknown";

export const markWords: Record<Mark, string> = { ok: "fine", warn: "attention", bad: "bad", unknown: "not known" };
