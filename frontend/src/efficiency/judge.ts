// What the scores need of a snapshot and its series.
import { type Live, SHOWN_S } from "../api/live";
import type { Site } from "../api/site";
import type { Snapshot } from "../api/snapshot";
import { type Input, type Scores, score } from "../lib/scores";
import { join, type Pick, type Window } from "../lib/window";
import { type JobView, jobView } from "./jobView";

/** What the lists and the scores read; the charts join for themselves. */
const LISTED = new Set(["known", "user", "system", "wait", "mem", "swap", "gpuUtil"]);

/** Join the series that lists and scores are made of; of some jobs and hosts, or of all. */
export function shownWindow({ snapshot, chunks }: Live, pick: Omit<Pick, "columns"> = {}): Window {
  return join(chunks, snapshot.timestamp - SHOWN_S, snapshot.timestamp, { ...pick, columns: LISTED });
}

/** Judge one job as it is judged among all the others; null when the snapshot does not list it. */
export function jobAlone(live: Live, site: Site, id: string): { view: JobView; window: Window } | null {
  const { snapshot } = live;
  const job = snapshot.jobs.get(id);
  if (job === undefined) return null;
  const window = shownWindow(live, { jobs: new Set([id]), hosts: new Set(job.hosts.map(({ host }) => host)) });
  return { view: jobView(job, snapshot, window, scoresOf(snapshot, window, site), site), window };
}

/** Score the running jobs and the nodes. */
export function scoresOf(snapshot: Snapshot, window: Window, site: Site): Scores {
  const input = inputOf(snapshot, window);
  performance.clearMeasures("score");
  const start = performance.now();
  const scores = score(input, site.settings, snapshot.timestamp);
  performance.measure("score", { start });
  return scores;
}

/** Draw together what the rules' formulas name; jobs that do not run any more are left out. */
export function inputOf(snapshot: Snapshot, { times, jobs, nodes }: Window): Input {
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
  return {
    times,
    jobs: rows,
    jobColumns: Object.fromEntries(columns),
    nodes: nodes.host.map((host) => ({ host, swapTotal: nodeOf.get(host)?.swapTotal ?? Number.NaN })),
    nodeColumns: nodes.columns,
  };
}
