// What the live page knows of a job that was submitted here: which of its jobs it is, and why it may know nothing.
import type { WholeJob } from "../../../api/batch";
import { FileError } from "../../../api/fetch";
import type { Run } from "../../../api/finished";
import type { Live } from "../../../api/live";
import { hasEnded as isOver } from "../../../efficiency/states";
import { span } from "../../../lib/format";
import { hasEnded } from "../states";

type Asked = Pick<WholeJob, "status" | "scheduler_id" | "submit_key" | "created_at" | "started_at" | "finished_at">;
type Taken = Pick<Live["snapshot"], "timestamp" | "interval">;

/** Jobs are submitted under this, followed by their key: PREFIX in backend/jobmon/schedulers/acting.py. */
const PREFIX = "jm-";
/** Seconds by which clocks may differ. */
const CLOCKS_S = 300;
/** Snapshots after its end until which a job's end may be noticed. */
const LATE = 10;

/** Say whether what was seen under the scheduler's number is this job: numbers come again, and schedulers differ. */
export function isSame(job: Asked, seen: Pick<Run, "name" | "submit" | "start" | "end">): boolean {
  if (seen.name.startsWith(PREFIX)) return seen.name === PREFIX + job.submit_key;
  // Names may be hidden, or be a site's own: then the times must fit.
  const times = [seen.submit, seen.start, seen.end].filter((time) => time !== null);
  const last = (job.finished_at ?? Number.POSITIVE_INFINITY) + CLOCKS_S;
  return times.length > 0 && times.every((time) => time > job.created_at - CLOCKS_S) && Math.min(...times) < last;
}

export type Seen = { kind: "running" | "ended"; live: Live } | { kind: "nothing"; words: string };

const nothing = (words: string): Seen => ({ kind: "nothing", words });

/** Find a job that has begun among what is known now, epoch seconds; snapshots older than `tooOld` seconds tell nothing. */
export function seenOf(job: Asked, live: Live | undefined, error: Error | null, now: number, tooOld: number): Seen {
  if (live === undefined) return nothing(error === null ? "Reading what was seen of it …" : whyNot(error));
  if (hasEnded(job.status)) return { kind: "ended", live };
  const { timestamp, interval, jobs } = live.snapshot;
  if (now - timestamp > tooOld) {
    return nothing(
      `The last snapshot of the cluster is ${span(now - timestamp)} old, so it is not known what the job uses.`,
    );
  }
  const seen = jobs.get(job.scheduler_id ?? "");
  if (seen !== undefined && isSame(job, seen)) {
    if (seen.state !== "PENDING") return { kind: isOver(seen.state) ? "ended" : "running", live };
  } else if (timestamp - (job.started_at ?? timestamp) > 2 * interval) {
    return nothing(
      `The live page does not list the scheduler's job ${job.scheduler_id}, so it is not known what it uses.`,
    );
  }
  return nothing("It has just started, and is seen with one of the next snapshots.");
}

function whyNot(error: Error): string {
  const reason = error instanceof FileError ? error.reason : "";
  if (reason.startsWith("401")) return "Sign in to see what it uses.";
  if (reason.startsWith("404") || reason === "is not there yet") {
    return "The live page is not offered here, so nothing is known of its use of the nodes.";
  }
  return `What it uses cannot be read: ${error.message}`;
}

/** Return the time, epoch seconds, for which an ended job is looked up: each snapshot's for a while, as its end is seen late. */
export function lookedUpAt(job: Pick<Asked, "finished_at">, { timestamp, interval }: Taken): number {
  return Math.min(timestamp, Math.round(job.finished_at ?? timestamp) + LATE * interval);
}

/** Say why nothing is known of a job that has ended. */
export function unseen(job: Pick<Asked, "finished_at">, { timestamp, interval }: Taken): string {
  return timestamp < (job.finished_at ?? timestamp) + LATE * interval
    ? "Its end was not seen yet; it is looked for with each snapshot."
    : "Its end was not seen, so it is not known what it used.";
}
