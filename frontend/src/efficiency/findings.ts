// The proof of a warning: what was seen, against what, for how long, and what it cost.
import { count, memory, percent } from "../lib/format";
import type { Rule, Settings } from "../lib/rules";
import type { Hit } from "../lib/scores";
import { rowOf, type Window } from "../lib/window";
import type { JobView, Judged } from "./jobView";

export interface Finding {
  rule: Rule;
  hits: Hit[];
  score: number;
  /** Amount lost over the window, in the unit of the rule's waste. */
  wasted: number;
}

/** Gather a job's hits by rule, the worst first; what its nodes suffer from comes last. */
export function findings(view: Judged): Finding[] {
  const own = "job" in view ? [view.hits, view.nodeHits] : [view.hits];
  return own.flatMap((hits) => {
    const byRule = new Map<string, Finding>();
    for (const hit of hits) {
      const found = byRule.get(hit.rule.id) ?? { rule: hit.rule, hits: [], score: 0, wasted: 0 };
      found.hits.push(hit);
      found.score += hit.score;
      found.wasted += hit.wasted;
      byRule.set(hit.rule.id, found);
    }
    return [...byRule.values()].sort((a, b) => b.score - a.score);
  });
}

/** Fill a rule's sentence with the numbers that were seen. */
export function sentence(finding: Finding, view: Judged, settings: Settings): string {
  const { rule, hits } = finding;
  const hosts = new Set(hits.map((hit) => hit.host));
  const places = "job" in view ? view.job.hosts.filter(({ host }) => hosts.has(host)) : [];
  const cores = places.reduce((sum, place) => sum + place.cores, 0);
  const gpus = places.reduce((sum, place) => sum + place.gpus, 0);
  const observed = hits.reduce((sum, hit) => sum + hit.observed, 0) / hits.length;
  const words: Record<string, string> = {
    observed: rule.observedUnit === "MiB" ? memory(observed) : percent(observed, true).replace(" %", ""),
    threshold: count(settings[rule.threshold]),
    cores: count(cores),
    gpus: count(gpus),
    memReq: "job" in view ? memory(view.job.memReq) : "",
  };
  return rule.sentence.replace(/\{(\w+)\}/g, (whole, name: string) => words[name] ?? whole);
}

/** Say for how long and where a rule held: "in 18 of 20 snapshots of the last 10 minutes, on 3 of 4 nodes". */
export function held({ hits, rule }: Finding, view: Judged, settings: Settings): string {
  const most = Math.max(...hits.map((hit) => hit.fired));
  const of = hits[0]?.of ?? 0;
  const minutes = settings.warningWindow / 60;
  const time = `in ${most} of ${of} snapshots of the last ${count(minutes)} minutes`;
  if (!("job" in view) || view.job.hosts.length < 2) return time;
  if (rule.of === "node") return `${time}, on ${hits.map((hit) => hit.host).join(", ")}`;
  return `${time}, on ${hits.length} of ${view.job.hosts.length} nodes`;
}

export interface Fit {
  cores: number | null;
  /** GiB per node. */
  memory: number | null;
}

/** The request that would have fitted what the job was seen to use; null where nothing is to be saved. */
export function fitting(view: JobView, window: Window): Fit {
  const ids = new Set(view.hits.map((hit) => hit.rule.id));
  const cores = ids.has("cpuUtil") ? Math.max(1, Math.ceil(mostBusy(view, window) * 1.05)) : null;
  const most = Math.max(view.job.memMax ?? 0, seenMemory(view, window));
  const gib = ids.has("memUtil") && most > 0 ? Math.max(1, Math.ceil((most * 1.2) / 1024)) : null;
  return {
    cores: cores !== null && cores < view.job.cpus ? cores : null,
    memory: gib !== null && gib * 1024 < (view.job.memReq ?? 0) ? gib : null,
  };
}

function mostBusy(view: JobView, { jobs, times }: Window): number {
  const rows = jobs.of.get(view.job.id) ?? [];
  let most = 0;
  times.forEach((_, t) => {
    let busy = 0;
    for (const row of rows) {
      const value = (name: string) => rowOf(jobs.columns[name], row, times.length)[t] as number;
      const cores = (value("known") * (value("user") + value("system"))) / 100;
      if (!Number.isNaN(cores)) busy += cores;
    }
    most = Math.max(most, busy);
  });
  return most;
}

function seenMemory(view: JobView, { jobs, times }: Window): number {
  let most = 0;
  for (const row of jobs.of.get(view.job.id) ?? []) {
    for (const value of rowOf(jobs.columns.mem, row, times.length)) if (value > most) most = value;
  }
  return most;
}
