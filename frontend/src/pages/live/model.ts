// Everything the lists and details show of one snapshot, worked out once.
import type { Live } from "../../api/live";
import { SHOWN_S } from "../../api/live";
import type { Site } from "../../api/site";
import { type Job, type Node, runMinutes, type Snapshot } from "../../api/snapshot";
import type { Mark } from "../../lib/marks";
import { type Hit, type Scores, score, total } from "../../lib/scores";
import { join, lastKnown, rowOf, type Window } from "../../lib/window";

export interface JobView {
  job: Job;
  running: boolean;
  minutes: number | null;
  /** Now, NaN when not known: percent of its cores, MiB over all nodes, percent of its GPUs. */
  cpu: number;
  mem: number;
  gpu: number;
  hits: Hit[];
  nodeHits: Hit[];
  score: number;
  mark: Mark;
  waste: Map<string, number>;
}

export interface UserView {
  name: string;
  cores: number;
  gpus: number;
  running: number;
  /** Running jobs of which something is known. */
  known: number;
  pending: number;
  warned: number;
  badness: number;
  mark: Mark;
  waste: Map<string, number>;
}

export type NodeKind = "free" | "part" | "full" | "drain" | "down" | "unknown";

export interface NodeView {
  node: Node;
  kind: NodeKind;
  jobs: JobView[];
  /** Allocated to running jobs. */
  cores: number;
  gpus: number;
  /** Now, NaN when not known: percent busy, MiB, MiB, percent. */
  cpu: number;
  mem: number;
  swap: number;
  gpu: number;
  hits: Hit[];
}

export interface Totals {
  cores: { used: number; of: number };
  gpus: { used: number; of: number };
  /** MiB in use on nodes that are known, and what these nodes have. */
  memory: { used: number; of: number };
  nodes: { up: number; of: number };
}

export interface Model {
  snapshot: Snapshot;
  window: Window;
  scores: Scores;
  jobs: JobView[];
  job: Map<string, JobView>;
  users: UserView[];
  nodes: NodeView[];
  node: Map<string, NodeView>;
  totals: Totals;
}

/** What the lists and the scores read; the charts join for themselves. */
const LISTED = new Set(["known", "user", "system", "wait", "mem", "swap", "gpuUtil"]);

/** Work out the model of what is loaded. */
export function build(live: Live, site: Site): Model {
  const { snapshot } = live;
  const window = join(live.chunks, snapshot.timestamp - SHOWN_S, snapshot.timestamp, { columns: LISTED });
  const scores = scoresOf(snapshot, window, site);
  const jobs = [...snapshot.jobs.values()].map((job) => jobView(job, snapshot, window, scores, site));
  const onHost = new Map<string, JobView[]>();
  for (const view of jobs) {
    if (!view.running) continue;
    for (const { host } of view.job.hosts) {
      const list = onHost.get(host);
      if (list) list.push(view);
      else onHost.set(host, [view]);
    }
  }
  const nodes = snapshot.nodes.map((node) => nodeView(node, onHost.get(node.name) ?? [], window, scores));
  return {
    snapshot,
    window,
    scores,
    jobs,
    job: new Map(jobs.map((view) => [view.job.id, view])),
    users: usersOf(jobs, scores, site),
    nodes,
    node: new Map(nodes.map((view) => [view.node.name, view])),
    totals: totalsOf(snapshot, jobs, nodes),
  };
}

/** Return percent of busy cores at each time over some rows of jobs, weighted by known cores. */
export function busyOf(window: Window, rows: readonly number[]): Float64Array {
  const { columns } = window.jobs;
  const length = window.times.length;
  const parts = rows.map((row) => ({
    known: rowOf(columns.known, row, length),
    user: rowOf(columns.user, row, length),
    system: rowOf(columns.system, row, length),
  }));
  return Float64Array.from(window.times, (_, t) => {
    let cores = 0;
    let busy = 0;
    for (const { known, user, system } of parts) {
      const n = known[t] as number;
      const percent = (user[t] as number) + (system[t] as number);
      if (!(n > 0) || Number.isNaN(percent)) continue;
      cores += n;
      busy += n * percent;
    }
    return cores > 0 ? busy / cores : Number.NaN;
  });
}

function scoresOf(snapshot: Snapshot, { times, jobs, nodes }: Window, site: Site): Scores {
  const nodeOf = new Map(snapshot.nodes.map((node) => [node.name, node]));
  const kept: number[] = [];
  const rows = [];
  for (let row = 0; row < jobs.job.length; row++) {
    const job = snapshot.jobs.get(jobs.job[row] as string);
    if (job?.state !== "RUNNING") continue;
    kept.push(row);
    rows.push({
      job: job.id,
      user: job.user,
      host: jobs.host[row] as string,
      cores: jobs.cores[row] as number,
      gpus: jobs.gpus[row] as number,
      hostCpus: nodeOf.get(jobs.host[row] as string)?.cpus || Number.NaN,
      memReq: job.memReq ?? Number.NaN,
      memMax: job.memMax ?? Number.NaN,
      start: job.start ?? Number.NaN,
    });
  }
  const length = times.length;
  const columns = ["known", "user", "system", "wait", "mem", "gpuUtil"].map((name) => {
    const from = jobs.columns[name];
    if (from === undefined || kept.length === jobs.job.length) return [name, from] as const;
    const some = new Float64Array(kept.length * length);
    kept.forEach((row, k) => {
      some.set(from.subarray(row * length, (row + 1) * length), k * length);
    });
    return [name, some] as const;
  });
  return score(
    {
      times,
      jobs: rows,
      jobColumns: Object.fromEntries(columns),
      nodes: nodes.host.map((host) => ({ host, swapTotal: nodeOf.get(host)?.swapTotal ?? Number.NaN })),
      nodeColumns: nodes.columns,
    },
    site.settings,
    snapshot.timestamp,
  );
}

function jobView(job: Job, snapshot: Snapshot, window: Window, scores: Scores, site: Site): JobView {
  const running = job.state === "RUNNING";
  const rows = running ? (window.jobs.of.get(job.id) ?? []) : [];
  const now = (name: string) =>
    rows.map((row) => lastKnown(rowOf(window.jobs.columns[name], row, window.times.length)));
  const hits = scores.jobs.get(job.id) ?? [];
  const nodeHits = scores.warned.has(job.id) ? job.hosts.flatMap(({ host }) => scores.nodes.get(host) ?? []) : [];
  const own = total(hits);
  const cores = now("known");
  const system = now("system");
  const cpu = weighted(
    now("user").map((user, i) => user + (system[i] as number)),
    cores,
  );
  return {
    job,
    running,
    minutes: runMinutes(job, snapshot.timestamp),
    cpu,
    mem: rows.length > 0 ? sum(now("mem")) : Number.NaN,
    gpu: weighted(
      now("gpuUtil"),
      rows.map((row) => window.jobs.gpus[row] ?? 0),
    ),
    hits,
    nodeHits,
    score: own,
    mark: markOf(own, scores.warned.has(job.id), running && Number.isNaN(cpu), site),
    waste: scores.waste.get(job.id) ?? new Map(),
  };
}

function markOf(score: number, warned: boolean, unknown: boolean, site: Site): Mark {
  if (score > site.settings.terribleThreshold) return "bad";
  if (warned) return "warn";
  return unknown ? "unknown" : "ok";
}

function usersOf(jobs: readonly JobView[], scores: Scores, site: Site): UserView[] {
  const users = new Map<string, UserView>();
  for (const view of jobs) {
    const { job } = view;
    let user = users.get(job.user);
    if (user === undefined) {
      const badness = scores.badness.get(job.user) ?? 0;
      const none = { cores: 0, gpus: 0, running: 0, known: 0, pending: 0, warned: 0 };
      user = { name: job.user, ...none, badness, mark: "ok", waste: new Map() };
      users.set(job.user, user);
    }
    if (job.state === "PENDING") user.pending++;
    if (!view.running) continue;
    user.running++;
    if (view.mark !== "unknown") user.known++;
    user.cores += job.cpus;
    user.gpus += job.gpus;
    if (view.mark === "warn" || view.mark === "bad") user.warned++;
    for (const [unit, lost] of view.waste) user.waste.set(unit, (user.waste.get(unit) ?? 0) + lost);
  }
  for (const user of users.values()) user.mark = markOf(user.badness, user.warned > 0, user.known === 0, site);
  return [...users.values()];
}

function nodeView(node: Node, jobs: JobView[], window: Window, scores: Scores): NodeView {
  const row = window.nodes.of.get(node.name);
  const now = (name: string) => lastKnown(rowOf(window.nodes.columns[name], row, window.times.length));
  let cores = 0;
  let gpus = 0;
  for (const { job } of jobs) {
    for (const place of job.hosts) {
      if (place.host !== node.name) continue;
      cores += place.cores;
      gpus += place.gpus;
    }
  }
  const cpu = now("user") + now("system");
  return {
    node,
    kind: kindOf(node, jobs.length, cores, cpu),
    jobs,
    cores,
    gpus,
    cpu,
    mem: now("mem"),
    swap: now("swap"),
    gpu: now("gpuUtil"),
    hits: scores.nodes.get(node.name) ?? [],
  };
}

function kindOf(node: Node, jobs: number, cores: number, cpu: number): NodeKind {
  const words = node.state.toUpperCase();
  if (!node.up || /DOWN|FAIL|NO_RESPOND|POWERED_DOWN/.test(words)) return "down";
  if (/DRAIN|MAINT|RESERVED|PLANNED_DOWN/.test(words)) return "drain";
  if (Number.isNaN(cpu)) return "unknown";
  if (jobs === 0) return "free";
  return cores >= node.cpus ? "full" : "part";
}

function totalsOf(snapshot: Snapshot, jobs: readonly JobView[], nodes: readonly NodeView[]): Totals {
  const counted = nodes.filter((view) => view.node.counted && view.node.up);
  const known = counted.filter((view) => !Number.isNaN(view.mem) && view.node.memTotal !== null);
  return {
    cores: { used: snapshot.usage.running, of: snapshot.usage.avail },
    gpus: {
      used: sum(jobs.filter((view) => view.running).map((view) => view.job.gpus)),
      of: sum(counted.map((view) => view.node.gpus)),
    },
    memory: { used: sum(known.map((view) => view.mem)), of: sum(known.map((view) => view.node.memTotal ?? 0)) },
    nodes: { up: nodes.filter((view) => view.node.up).length, of: nodes.length },
  };
}

/** Add what is known; NaN when nothing is. */
function sum(values: readonly number[]): number {
  const known = values.filter((value) => !Number.isNaN(value));
  return values.length > 0 && known.length === 0 ? Number.NaN : known.reduce((a, b) => a + b, 0);
}

function weighted(values: readonly number[], weights: readonly number[]): number {
  let all = 0;
  let result = 0;
  values.forEach((value, i) => {
    const weight = weights[i] as number;
    if (Number.isNaN(value) || !(weight > 0)) return;
    all += weight;
    result += value * weight;
  });
  return all > 0 ? result / all : Number.NaN;
}
