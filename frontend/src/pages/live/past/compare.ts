// What changed between two instants.
import type { Job, Snapshot } from "../../../api/snapshot";

export interface JobChange {
  id: string;
  user: string;
  name: string;
  cores: number;
  /** How it ended, as far as the later snapshot knows; "" for jobs that started. */
  state: string;
}

export interface UserChange {
  name: string;
  before: number;
  after: number;
}

export interface Comparison {
  from: number;
  to: number;
  started: JobChange[];
  ended: JobChange[];
  /** Jobs that ran at both instants. */
  stayed: number;
  /** Users whose cores changed, the largest change first. */
  users: UserChange[];
  /** Nodes that were up and are not any more, and the other way round. */
  gone: string[];
  back: string[];
  running: { before: number; after: number };
  avail: { before: number; after: number };
  pending: { before: number; after: number };
}

/** Compare two snapshots, the earlier one first whatever their order. */
export function compare(one: Snapshot, other: Snapshot): Comparison {
  const [a, b] = one.timestamp <= other.timestamp ? [one, other] : [other, one];
  const before = runningOf(a);
  const after = runningOf(b);
  const change = (job: Job, state: string): JobChange => ({
    id: job.id,
    user: job.user,
    name: job.name,
    cores: job.cpus,
    state,
  });
  const started = [...after.values()].filter((job) => !before.has(job.id));
  const ended = [...before.values()].filter((job) => !after.has(job.id));
  const largest = (x: JobChange, y: JobChange) =>
    y.cores - x.cores || x.id.localeCompare(y.id, "en", { numeric: true });
  return {
    from: a.timestamp,
    to: b.timestamp,
    started: started.map((job) => change(job, "")).sort(largest),
    ended: ended.map((job) => change(job, b.jobs.get(job.id)?.state ?? "")).sort(largest),
    stayed: before.size - ended.length,
    users: usersOf(before, after),
    ...nodesOf(a, b),
    running: { before: a.usage.running, after: b.usage.running },
    avail: { before: a.usage.avail, after: b.usage.avail },
    pending: { before: pendingOf(a), after: pendingOf(b) },
  };
}

function runningOf({ jobs }: Snapshot): Map<string, Job> {
  return new Map([...jobs].filter(([, job]) => job.state === "RUNNING"));
}

function pendingOf({ jobs }: Snapshot): number {
  let count = 0;
  for (const job of jobs.values()) if (job.state === "PENDING") count++;
  return count;
}

function usersOf(before: Map<string, Job>, after: Map<string, Job>): UserChange[] {
  const users = new Map<string, UserChange>();
  const add = (job: Job, key: "before" | "after") => {
    const user = users.get(job.user) ?? { name: job.user, before: 0, after: 0 };
    user[key] += job.cpus;
    users.set(job.user, user);
  };
  for (const job of before.values()) add(job, "before");
  for (const job of after.values()) add(job, "after");
  return [...users.values()]
    .filter((user) => user.before !== user.after)
    .sort((a, b) => Math.abs(b.after - b.before) - Math.abs(a.after - a.before) || a.name.localeCompare(b.name));
}

function nodesOf(a: Snapshot, b: Snapshot): { gone: string[]; back: string[] } {
  const up = (snapshot: Snapshot) => snapshot.nodes.filter((node) => node.up).map((node) => node.name);
  const [first, second] = [new Set(up(a)), new Set(up(b))];
  return {
    gone: [...first].filter((name) => !second.has(name)),
    back: [...second].filter((name) => !first.has(name)),
  };
}
