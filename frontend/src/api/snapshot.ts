// The summary's columns as records, and the step from one snapshot to the next.
import type { Latest, Summary, SummaryCycle, SummaryReservation, SummarySeries, SummarySource } from "./types.gen";

export interface Node {
  name: string;
  up: boolean;
  counted: boolean;
  cpus: number;
  gpus: number;
  /** MiB. */
  memTotal: number | null;
  swapTotal: number | null;
  /** The scheduler's words, "" when not known. */
  state: string;
  reason: string;
  partitions: string[];
  shard: number;
}

export interface Placement {
  host: string;
  cores: number;
  gpus: number;
}

export interface Job {
  id: string;
  name: string;
  user: string;
  state: string;
  partition: string;
  account: string;
  reason: string;
  dependency: string;
  arrayTasks: string;
  cpus: number;
  gpus: number;
  nNodes: number | null;
  /** Minutes. */
  timeLimit: number | null;
  runTime: number | null;
  /** Epoch seconds; the start is an estimate while the job is pending. */
  start: number | null;
  end: number | null;
  submit: number | null;
  priority: number | null;
  /** MiB per node. */
  memReq: number | null;
  memMax: number | null;
  jobfsReq: number | null;
  exitCode: number | null;
  hosts: Placement[];
}

export interface Snapshot {
  timestamp: number;
  previous: number | null;
  interval: number;
  cluster: string;
  version: string;
  usage: { avail: number; running: number };
  nodes: Node[];
  jobs: Map<string, Job>;
  partitions: string[];
  reservations: SummaryReservation[];
  sources: SummarySource[];
  cycle: SummaryCycle;
  series: SummarySeries;
}

/** Read a whole summary. */
export function snapshotOf(summary: Summary): Snapshot {
  const nodes = nodesOf(summary);
  const { timestamp, previous, interval, cluster, version, usage, sources, cycle, series } = summary;
  return {
    timestamp,
    previous,
    interval,
    cluster,
    version,
    usage,
    nodes,
    jobs: new Map(jobsOf(summary, nodes).map((job) => [job.id, job])),
    partitions: summary.partitions.map((partition) => partition.name),
    reservations: summary.reservations,
    sources,
    cycle,
    series,
  };
}

/** Go from the snapshot before `latest` to the one it describes. */
export function advance(before: Snapshot, latest: Latest): Snapshot {
  const news = latest.summary as Partial<Summary>;
  const changed = news.nodes ? nodesOf(news as Summary) : [];
  const nodes = changed.length === latest.point.nodeRows ? changed : merge(before.nodes, changed);
  const jobs = new Map(before.jobs);
  for (const id of latest.jobsGone) jobs.delete(id);
  if (news.jobs) for (const job of jobsOf(news as Summary, nodes)) jobs.set(job.id, job);
  for (const [id, memMax] of Object.entries(latest.memMax ?? {})) {
    const job = jobs.get(id);
    if (job) jobs.set(id, { ...job, memMax });
  }
  return {
    timestamp: latest.timestamp,
    previous: latest.previous,
    interval: news.interval ?? before.interval,
    cluster: news.cluster ?? before.cluster,
    version: news.version ?? before.version,
    usage: news.usage ?? before.usage,
    nodes,
    jobs,
    partitions: news.partitions?.map((partition) => partition.name) ?? before.partitions,
    reservations: news.reservations ?? before.reservations,
    sources: news.sources ?? before.sources,
    cycle: news.cycle ?? before.cycle,
    series: news.series ?? before.series,
  };
}

/** Return how long a job has run at a time, in minutes; null when that is not known. */
export function runMinutes(job: Job, timestamp: number): number | null {
  if (job.runTime !== null) return job.runTime;
  return job.state === "RUNNING" && job.start ? Math.max(0, (timestamp - job.start) / 60) : null;
}

function nodesOf({ nodes, strings }: Summary): Node[] {
  return nodes.name.map((name, i) => ({
    name,
    up: nodes.up[i] === 1,
    counted: nodes.counted[i] === 1,
    cpus: nodes.cpus[i] ?? 0,
    gpus: nodes.gpus[i] ?? 0,
    memTotal: nodes.memTotal[i] ?? null,
    swapTotal: nodes.swapTotal[i] ?? null,
    state: word(strings, nodes.state[i]),
    reason: word(strings, nodes.reason[i]),
    partitions: word(strings, nodes.partitions[i]).split(",").filter(Boolean),
    shard: nodes.shard[i] ?? 0,
  }));
}

function merge(nodes: Node[], changed: readonly Node[]): Node[] {
  if (changed.length === 0) return nodes;
  const news = new Map(changed.map((node) => [node.name, node]));
  return nodes.map((node) => news.get(node.name) ?? node);
}

function jobsOf({ jobs, strings }: Summary, nodes: readonly Node[]): Job[] {
  return jobs.id.map((id, i) => ({
    id,
    name: word(strings, jobs.name[i]),
    user: word(strings, jobs.user[i]),
    state: word(strings, jobs.state[i]),
    partition: word(strings, jobs.partition[i]),
    account: word(strings, jobs.account[i]),
    reason: word(strings, jobs.reason[i]),
    dependency: word(strings, jobs.dependency[i]),
    arrayTasks: word(strings, jobs.arrayTasks[i]),
    cpus: jobs.cpus[i] ?? 0,
    gpus: jobs.gpus[i] ?? 0,
    nNodes: jobs.nNodes[i] ?? null,
    timeLimit: jobs.timeLimit[i] ?? null,
    runTime: jobs.runTime[i] ?? null,
    start: jobs.start[i] ?? null,
    end: jobs.end[i] ?? null,
    submit: jobs.submit[i] ?? null,
    priority: jobs.priority[i] ?? null,
    memReq: jobs.memReq[i] ?? null,
    memMax: jobs.memMax[i] ?? null,
    jobfsReq: jobs.jobfsReq[i] ?? null,
    exitCode: jobs.exitCode[i] ?? null,
    hosts: (jobs.hosts[i] ?? []).flatMap((node, k) => {
      const host = nodes[node]?.name;
      return host === undefined ? [] : [{ host, cores: jobs.hostCores[i]?.[k] ?? 0, gpus: jobs.hostGpus[i]?.[k] ?? 0 }];
    }),
  }));
}

function word(strings: readonly string[], index: number | undefined): string {
  return index === undefined ? "" : (strings[index] ?? "");
}
