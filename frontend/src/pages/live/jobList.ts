// Filters and orders of the list of jobs.
import type { JobView } from "../../efficiency/jobView";

export interface JobFilter {
  user?: string | undefined;
  partition?: string | undefined;
  /** States of the scheduler with commas between, any of which fits; "attention" are running jobs that are warned. */
  state?: string | undefined;
  q?: string | undefined;
}

const troubled = (view: JobView): boolean => view.running && (view.mark === "warn" || view.mark === "bad");

/** Read the chosen states. */
export function statesOf(state: string | undefined): string[] {
  return (state ?? "").split(",").filter(Boolean);
}

/** Keep the jobs that fit all that is asked. */
export function filterJobs(jobs: readonly JobView[], { user, partition, state, q }: JobFilter): JobView[] {
  const words = (q ?? "").toLowerCase().split(/\s+/).filter(Boolean);
  const states = new Set(statesOf(state));
  return jobs.filter((view) => {
    const { job } = view;
    if (user && job.user !== user) return false;
    if (partition && !job.partition.split(",").includes(partition)) return false;
    if (states.size > 0 && !states.has(job.state) && !(states.has("attention") && troubled(view))) return false;
    return words.every((word) => has(view, word));
  });
}

function has({ job }: JobView, word: string): boolean {
  return (
    [job.id, job.name, job.user, job.account].some((text) => text.toLowerCase().includes(word)) ||
    job.hosts.some(({ host }) => host.toLowerCase().includes(word))
  );
}

const ranking = ["RUNNING", "COMPLETING", "SUSPENDED", "CONFIGURING", "PENDING"];
const rankOf = (state: string): number => (ranking.includes(state) ? ranking.indexOf(state) : ranking.length);

/** States that occur with their numbers: those in need of attention, running, pending, then the others by name. */
export function stateCounts(jobs: readonly JobView[]): [string, number][] {
  const counts = new Map<string, number>();
  for (const { job } of jobs) counts.set(job.state, (counts.get(job.state) ?? 0) + 1);
  const states = [...counts].sort((a, b) => rankOf(a[0]) - rankOf(b[0]) || a[0].localeCompare(b[0]));
  const warned = jobs.filter(troubled).length;
  return warned > 0 ? [["attention", warned], ...states] : states;
}

const down = (of: (view: JobView) => number | null) => (a: JobView, b: JobView) => {
  const x = of(a) ?? Number.NaN;
  const y = of(b) ?? Number.NaN;
  if (Number.isNaN(x) || Number.isNaN(y)) return Number(Number.isNaN(x)) - Number(Number.isNaN(y));
  return y - x;
};

/** Return when a running job's limit is reached, NaN when that is not known. */
export function endOf({ job, running }: JobView): number {
  return running && job.start !== null && job.timeLimit !== null ? job.start + job.timeLimit * 60 : Number.NaN;
}

const orders: Record<string, (a: JobView, b: JobView) => number> = {
  attention: (a, b) =>
    rankOf(a.job.state) - rankOf(b.job.state) ||
    Number(troubled(b)) - Number(troubled(a)) ||
    b.score - a.score ||
    b.job.cpus - a.job.cpus,
  job: (a, b) => a.job.id.localeCompare(b.job.id, "en", { numeric: true }),
  user: (a, b) => a.job.user.localeCompare(b.job.user, "en", { numeric: true }),
  cores: down((view) => view.job.cpus),
  gpus: down((view) => view.job.gpus),
  time: down((view) => view.minutes),
  cpu: down((view) => view.cpu),
  memory: down((view) => view.mem),
  gpu: down((view) => view.gpu),
  nodes: down((view) => view.job.hosts.length || view.job.nNodes),
  ends: (a, b) => down(endOf)(b, a),
  partition: (a, b) => a.job.partition.localeCompare(b.job.partition),
  account: (a, b) => a.job.account.localeCompare(b.job.account),
};

/** Order jobs; an order that is not known is the one by attention. */
export function sortJobs(jobs: readonly JobView[], by: string): JobView[] {
  const order = (Object.hasOwn(orders, by) ? orders[by] : undefined) ?? orders.attention;
  return [...jobs].sort(order);
}
