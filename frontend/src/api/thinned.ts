// An instant whose snapshot is not kept any more: the thinned series of a month or a year, and what is known of their rows.
import { join, rowOf, type Window } from "../lib/window";
import { fetchFiles } from "./fetch";
import { type Live, readChunk } from "./live";
import type { Site } from "./site";
import type { Job, Node, Snapshot } from "./snapshot";
import type { Chunk, Facts } from "./types.gen";

type Tier = Facts["tier"];

/** Load what is left of an instant: the month's means over five minutes, else the year's over an hour; null without any. */
export async function loadThinned(
  site: Site,
  present: Snapshot,
  at: number,
  signal?: AbortSignal,
): Promise<Live | null> {
  for (const tier of ["month", "year"] as const) {
    const { open, closed, span } = present.series[tier];
    const start = Math.floor(at / span) * span;
    const name = open === start ? "open" : closed.includes(start) ? String(start) : null;
    if (name === null) continue;
    const names = [`live/series/${tier}/${name}`, `live/facts/${tier}/${name}`];
    const [series, facts] = await fetchFiles(site.address, names, signal);
    const chunk = readChunk(names[0] as string, series);
    if (chunk === null) continue;
    const live = thinnedLive(chunk, (facts as Facts | null)?.format === 1 ? (facts as Facts) : null, present, tier, at);
    if (live !== null) return live;
  }
  return null;
}

/** Make a snapshot of the point of a thinned chunk that is nearest before an instant; null when it has none. */
export function thinnedLive(chunk: Chunk, facts: Facts | null, present: Snapshot, tier: Tier, at: number): Live | null {
  const times = chunk.times.filter((time) => time <= at);
  const timestamp = times.at(-1) ?? chunk.times[0];
  if (timestamp === undefined) return null;
  const window = join([chunk], chunk.start - 1, timestamp);
  const nodes = nodesOf(facts, window, present);
  const jobs = jobsOf(facts, window);
  const running = [...jobs.values()].reduce((sum, job) => sum + job.cpus, 0);
  const snapshot: Snapshot = {
    ...present,
    timestamp,
    previous: null,
    interval: present.series[tier].step,
    usage: { avail: nodes.filter((node) => node.counted).reduce((sum, node) => sum + node.cpus, 0), running },
    nodes,
    jobs,
  };
  const none = () => ({ format: 1 as const, timestamp, nodes: {} });
  return { snapshot, chunks: [chunk], problems: [], cores: none, thinned: tier };
}

function nodesOf(facts: Facts | null, { nodes, times }: Window, present: Snapshot): Node[] {
  const isKnown = (host: string) =>
    ["user", "mem"].some((name) => !Number.isNaN(last(rowOf(nodes.columns[name], nodes.of.get(host), times.length))));
  if (facts === null) return present.nodes.map((node) => ({ ...node, up: isKnown(node.name), state: "", reason: "" }));
  return facts.nodes.name.map((name, i) => ({
    name,
    up: isKnown(name),
    counted: facts.nodes.counted[i] === 1,
    cpus: facts.nodes.cpus[i] ?? 0,
    gpus: facts.nodes.gpus[i] ?? 0,
    memTotal: facts.nodes.memTotal[i] ?? null,
    swapTotal: facts.nodes.swapTotal[i] ?? null,
    state: "",
    reason: "",
    partitions: word(facts, facts.nodes.partitions[i]).split(",").filter(Boolean),
    shard: 0,
  }));
}

/** The jobs that ran at the last of the times. */
function jobsOf(facts: Facts | null, { jobs, times }: Window): Map<string, Job> {
  const place = new Map(facts?.jobs.id.map((id, i) => [id, i]));
  const found = new Map<string, Job>();
  for (const [id, rows] of jobs.of) {
    const there = rows.filter((row) => !Number.isNaN(last(rowOf(jobs.columns.known, row, times.length))));
    if (there.length === 0) continue;
    const hosts = there.map((row) => ({
      host: jobs.host[row] as string,
      cores: jobs.cores[row] ?? 0,
      gpus: jobs.gpus[row] ?? 0,
    }));
    found.set(id, jobOf(facts, id, place.get(id), hosts));
  }
  return found;
}

function jobOf(facts: Facts | null, id: string, i: number | undefined, hosts: Job["hosts"]): Job {
  const own = i === undefined ? undefined : facts?.jobs;
  const at = i ?? 0;
  const text = (index: number | undefined) => (own && facts ? word(facts, index) : "");
  return {
    id,
    name: text(own?.name[at]),
    user: text(own?.user[at]) || "unknown",
    state: "RUNNING",
    partition: text(own?.partition[at]),
    account: text(own?.account[at]),
    reason: "",
    dependency: "",
    arrayTasks: text(own?.arrayTasks[at]),
    cpus: own?.cpus[at] ?? hosts.reduce((sum, host) => sum + host.cores, 0),
    gpus: own?.gpus[at] ?? hosts.reduce((sum, host) => sum + host.gpus, 0),
    nNodes: own?.nNodes[at] ?? hosts.length,
    timeLimit: own?.timeLimit[at] ?? null,
    runTime: null,
    start: own?.start[at] ?? null,
    end: null,
    submit: own?.submit[at] ?? null,
    priority: null,
    memReq: own?.memReq[at] ?? null,
    memMax: own?.memMax[at] ?? null,
    jobfsReq: own?.jobfsReq[at] ?? null,
    exitCode: null,
    hosts,
  };
}

const last = (values: Float64Array): number => values.at(-1) ?? Number.NaN;

function word(facts: Facts, index: number | undefined): string {
  return index === undefined ? "" : (facts.strings[index] ?? "");
}
