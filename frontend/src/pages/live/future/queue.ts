// The queue: what waits, for whom, and how much it is.
import type { Job, Snapshot } from "../../../api/snapshot";

export interface Waiting {
  job: Job;
  /** Jobs that this record stands for: the tasks of an array that still wait. */
  tasks: number;
  /** Cores times time limit over all tasks; NaN without a limit. */
  coreHours: number;
  /** Seconds since it was submitted, NaN when not known. */
  age: number;
  /** 1 for the highest priority; null when priorities are not known. */
  rank: number | null;
}

export interface UserQueue {
  name: string;
  records: number;
  tasks: number;
  cores: number;
  /** Of the jobs with a limit. */
  coreHours: number;
  unlimited: number;
}

export interface Queue {
  rows: Waiting[];
  users: UserQueue[];
  tasks: number;
  coreHours: number;
  /** Tasks without a time limit, which count in no hours. */
  unlimited: number;
  /** Hours that the whole cluster would be busy with it. */
  machineHours: number;
}

/** Work out the queue of a snapshot. */
export function queueOf({ jobs, timestamp, usage }: Snapshot): Queue {
  const pending = [...jobs.values()].filter((job) => job.state === "PENDING");
  const priorities = pending.map((job) => job.priority ?? Number.NEGATIVE_INFINITY).sort((a, b) => b - a);
  const rows = pending.map((job): Waiting => {
    const tasks = taskCount(job.arrayTasks);
    return {
      job,
      tasks,
      coreHours: job.timeLimit === null ? Number.NaN : (tasks * job.cpus * job.timeLimit) / 60,
      age: job.submit === null ? Number.NaN : timestamp - job.submit,
      rank: job.priority === null ? null : firstAt(priorities, job.priority) + 1,
    };
  });
  const users = new Map<string, UserQueue>();
  for (const row of rows) {
    const name = row.job.user;
    const user = users.get(name) ?? { name, records: 0, tasks: 0, cores: 0, coreHours: 0, unlimited: 0 };
    user.records++;
    user.tasks += row.tasks;
    user.cores += row.tasks * row.job.cpus;
    if (Number.isNaN(row.coreHours)) user.unlimited += row.tasks;
    else user.coreHours += row.coreHours;
    users.set(name, user);
  }
  const all = [...users.values()];
  const coreHours = all.reduce((sum, user) => sum + user.coreHours, 0);
  return {
    rows,
    users: all.sort((a, b) => b.coreHours - a.coreHours || a.name.localeCompare(b.name)),
    tasks: all.reduce((sum, user) => sum + user.tasks, 0),
    coreHours,
    unlimited: all.reduce((sum, user) => sum + user.unlimited, 0),
    machineHours: usage.avail > 0 ? coreHours / usage.avail : Number.NaN,
  };
}

/** Count the tasks that a scheduler writes as "1,3-7:2,9-20%3"; 1 when it is no array. */
export function taskCount(tasks: string): number {
  const list = tasks.split("%")[0]?.trim() ?? "";
  if (list === "") return 1;
  let count = 0;
  for (const part of list.split(",")) {
    const found = /^(\d+)(?:-(\d+)(?::(\d+))?)?$/.exec(part.trim());
    if (!found) {
      if (part.trim() !== "...") return 1;
      continue;
    }
    const first = Number(found[1]);
    const last = found[2] === undefined ? first : Number(found[2]);
    count += Math.floor((last - first) / Math.max(1, Number(found[3] ?? 1))) + 1;
  }
  return Math.max(1, count);
}

const down = (of: (row: Waiting) => number) => (a: Waiting, b: Waiting) => {
  const [x, y] = [of(a), of(b)];
  if (Number.isNaN(x) || Number.isNaN(y)) return Number(Number.isNaN(x)) - Number(Number.isNaN(y));
  return y - x;
};
const byId = (a: Waiting, b: Waiting) => a.job.id.localeCompare(b.job.id, "en", { numeric: true });

const orders: Record<string, (a: Waiting, b: Waiting) => number> = {
  start: down((row) => (row.job.start ? -row.job.start : Number.NaN)),
  priority: down((row) => row.job.priority ?? Number.NaN),
  job: byId,
  user: (a, b) => a.job.user.localeCompare(b.job.user, "en", { numeric: true }),
  cores: down((row) => row.job.cpus * row.tasks),
  hours: down((row) => row.coreHours),
  age: down((row) => row.age),
  tasks: down((row) => row.tasks),
};

/** Order the queue; by estimated start, then priority, when nothing that is known is asked for. */
export function sortQueue(rows: readonly Waiting[], by: string | undefined): Waiting[] {
  const order = by !== undefined && Object.hasOwn(orders, by) ? orders[by] : undefined;
  const start = orders.start as NonNullable<typeof order>;
  const priority = orders.priority as NonNullable<typeof order>;
  return [...rows].sort((a, b) => (order ? order(a, b) : start(a, b)) || priority(a, b) || byId(a, b));
}

// Index of the first entry of a descending list that is not larger than a value.
function firstAt(descending: readonly number[], value: number): number {
  let [low, high] = [0, descending.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((descending[middle] as number) > value) low = middle + 1;
    else high = middle;
  }
  return low;
}
