// What the page says of a job, made from its row.
import type { JobRow, Person, WholeJob } from "../../../api/batch";
import { count } from "../../../lib/format";
import { sentence } from "../problems";
import { hasEnded, jobStates, lookOf } from "../states";

export interface Chip {
  value: string;
  title: string;
  count: string;
}

const active = ["waiting", "held", "submitting", "pending", "running"];

/** The choices above the list: all, what goes on, what has ended, and each state that any job is in, or that is chosen. */
export function chipsOf(counts: Readonly<Record<string, number>>, chosen: string): Chip[] {
  const sum = (names: readonly string[]) => names.reduce((all, name) => all + (counts[name] ?? 0), 0);
  const known = jobStates.filter((name) => (counts[name] ?? 0) > 0 || name === chosen);
  return [
    { value: "", title: "All", count: count(sum(jobStates)) },
    { value: "active", title: "Active", count: count(sum(active)) },
    { value: "ended", title: "Ended", count: count(sum(jobStates) - sum(active)) },
    ...known.map((name) => ({ value: name, title: lookOf(name).word, count: count(counts[name] ?? 0) })),
  ];
}

const endings: Readonly<Record<string, string>> = {
  timeout: "time limit reached",
  oom: "out of memory",
  node_fail: "node failed",
  submit_error: "could not be submitted",
  lost: "",
  late: "too late to start",
  cancelled: "",
};

/** Say how a job ended, in a few words beside its state; "" when the state says it all. */
export function endingOf(job: Pick<JobRow, "status" | "ending" | "return_code" | "signal">): string {
  if (!hasEnded(job.status)) return "";
  const word = job.ending === null ? undefined : endings[job.ending];
  if (word) return word;
  if (job.signal) return `signal ${job.signal}`;
  if (job.return_code) return `return code ${job.return_code}`;
  return "";
}

/** Seconds that a job ran, or has run so far; null when it has not begun. */
export function ranOf(job: Pick<JobRow, "started_at" | "finished_at">, now: number): number | null {
  return job.started_at === null ? null : Math.max(0, (job.finished_at ?? now) - job.started_at);
}

export type Action = "cancel" | "rerun" | "hold" | "release";

/** What can be done with a job in its state. */
export function actionsOf(job: Pick<WholeJob, "status" | "cancel_at">): Action[] {
  if (hasEnded(job.status)) return ["rerun"];
  const before: Action[] = job.status === "waiting" ? ["hold"] : job.status === "held" ? ["release"] : [];
  return job.cancel_at === null ? [...before, "cancel"] : before;
}

/** Say why somebody may not act on a job; "" for who may. */
export function refusal(person: Person | undefined, job: Pick<JobRow, "user" | "submitted_by">): string {
  if (person === undefined) return "It is not known yet who you are.";
  if (person.role === "anonymous") return "Sign in to act on jobs.";
  if (person.staff || (person.user !== null && [job.user, job.submitted_by].includes(person.user))) return "";
  const owner = job.submitted_by || job.user;
  return `Only ${owner ? `${owner}, ` : ""}operators and administrators may act on this job.`;
}

/** Say why a job waits, that it is being ended, or why it has ended; "" when its state says it all. */
export function reasonOf(job: Pick<WholeJob, "status" | "cancel_at" | "unknown" | "tries" | "reason">): string {
  const going = !hasEnded(job.status);
  const words = [
    going && job.cancel_at !== null ? "It is being cancelled." : "",
    job.unknown && job.status === "submitting"
      ? "The scheduler was asked, and its answer is not clear: it is looked for before it is tried again."
      : "",
    job.unknown && job.status === "held"
      ? "Nobody can tell why the scheduler does not take it. Release it to submit it again, or cancel it; it has not run."
      : "",
    job.status === "waiting" && job.tries > 0 ? "It could not be submitted yet, and is tried again." : "",
    // Said beside the state already.
    job.reason && !/^ended with \d+$/.test(job.reason) ? sentence(job.reason) : "",
  ];
  return words.filter(Boolean).join(" ");
}

/** Say whether the scheduler has a number for it that live knows too; a process of this machine has none. */
export const isElsewhere = (job: Pick<JobRow, "scheduler" | "scheduler_id">): boolean =>
  job.scheduler_id !== null && job.scheduler !== "" && job.scheduler !== "local";

/** Say whether it has used anything that could have been seen. */
export const hasRun = ({ status, started_at }: Pick<JobRow, "status" | "started_at">): boolean =>
  status === "running" || status === "lost" || (hasEnded(status) && started_at !== null);
