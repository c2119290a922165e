// One job, and how it is judged now.
import type { Site } from "../api/site";
import { type Job, runMinutes, type Snapshot } from "../api/snapshot";
import type { Mark } from "../lib/marks";
import { type Hit, type Scores, total } from "../lib/scores";
import { lastKnown, rowOf, type Window } from "../lib/window";

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

/** What rules have been applied to: a job, or a node. */
export type Judged = JobView | { hits: Hit[] };

/** Draw together what is known of a job now. */
export function jobView(job: Job, snapshot: Snapshot, window: Window, scores: Scores, site: Site): JobView {
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

/** Judge by the score; a job of which nothing is known is not judged. */
export function markOf(score: number, warned: boolean, unknown: boolean, site: Site): Mark {
  if (score > site.settings.terribleThreshold) return "bad";
  if (warned) return "warn";
  return unknown ? "unknown" : "ok";
}

/** Add what is known; NaN when nothing is. */
export function sum(values: readonly number[]): number {
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
