// An instant of the past as if it were the present: a stored snapshot, with the series that led up to it.
import { FileError, fetchFile, fetchPublished } from "./fetch";
import { type Live, loadChunks } from "./live";
import type { Site } from "./site";
import type { Job, Node, Snapshot } from "./snapshot";
import { loadThinned } from "./thinned";
import type { Cores, Snapshot as Stored, Usage } from "./types.gen";

type StoredNode = Stored["nodes"][string];
type StoredJob = Stored["jobs"][string];

const API = 15;
/** Beyond this distance in seconds the means of that time are nearer than any snapshot. */
const FAR_S = 1800;

/** Load the stored snapshot nearest to `at`, with the series of the window before it. */
export async function loadPast(site: Site, present: Snapshot, at: number, signal?: AbortSignal): Promise<Live> {
  const { warningWindow } = site.settings;
  const series = (time: number) =>
    loadChunks(site, "day", present, time - warningWindow, time + present.interval, signal);
  const [stored, asked] = await Promise.all([
    fetchPublished(`${site.address}data.py?time=${Math.round(at)}`, "the stored snapshot", signal),
    series(at),
  ]);
  const { timestamp } = checked(stored);
  // The nearest snapshot may be far away, where snapshots are rare or gone.
  const near = Math.abs(timestamp - at) <= present.interval;
  if (Math.abs(timestamp - at) > FAR_S) {
    const thinned = await loadThinned(site, present, at, signal);
    if (thinned !== null) return thinned;
  }
  return livePast(stored, present, near ? asked : await series(timestamp));
}

/** Make what the lists and details show out of a stored snapshot; `present` says what is kept of the series. */
export function livePast(stored: unknown, present: Snapshot, series: Pick<Live, "chunks" | "problems">): Live {
  const file = checked(stored);
  const snapshot = snapshotOfStored(file, present);
  const chunks = series.chunks.filter((chunk) => (chunk.times[0] ?? 0) <= file.timestamp);
  return { snapshot, chunks, problems: series.problems, cores: (host) => coresOf(file, host) };
}

/** Load cores in use over a day, a month or a year. */
export async function loadUsage(site: Site, tier: Usage["tier"]): Promise<Usage> {
  const name = `live/usage/${tier}`;
  const usage = (await fetchFile(site.address, name)) as Partial<Usage> | null;
  if (usage?.format !== 1 || !Array.isArray(usage.times)) throw new FileError(name, "is not readable");
  return usage as Usage;
}

function checked(stored: unknown): Stored {
  const file = stored as Partial<Stored> | null;
  if (file?.api !== API || !file.nodes || !file.jobs || typeof file.timestamp !== "number") {
    throw new FileError("the stored snapshot", `is not of API ${API}`);
  }
  return file as Stored;
}

function snapshotOfStored(stored: Stored, present: Snapshot): Snapshot {
  const { timestamp, usage } = stored;
  return {
    ...present,
    timestamp,
    previous: null,
    cluster: stored.cluster ?? present.cluster,
    usage: { avail: usage.avail, running: usage.running },
    nodes: Object.entries(stored.nodes)
      .map(([name, node]) => nodeOf(name, node))
      .sort((a, b) => a.name.localeCompare(b.name, "en", { numeric: true })),
    jobs: new Map(Object.entries(stored.jobs).map(([id, job]) => [id, jobOf(id, job)])),
  };
}

function nodeOf(name: string, node: StoredNode): Node {
  return {
    name,
    up: node.up,
    counted: node.isCounted,
    cpus: node.nCpus,
    gpus: node.nGpus,
    memTotal: node.mem?.total ?? null,
    swapTotal: node.swap?.total ?? null,
    state: node.state ?? "",
    reason: node.reason ?? "",
    partitions: node.partitions ?? [],
    shard: 0,
  };
}

function jobOf(id: string, job: StoredJob): Job {
  const layout = { ...job.layout, ...job.layoutDown };
  const hosts = Object.entries(layout).map(([host, cores]) => ({
    host,
    cores: cores.length,
    gpus: job.gpuLayout[host]?.length ?? 0,
  }));
  const started = job.startTime || null;
  return {
    id,
    name: job.name,
    user: job.username,
    state: job.state,
    partition: job.partition ?? "",
    account: job.account ?? "",
    reason: job.reason ?? "",
    dependency: job.dependency ?? "",
    arrayTasks: job.arrayTasks ?? "",
    cpus: job.nCpus,
    gpus: job.nGpus,
    nNodes: job.nNodes || hosts.length || null,
    timeLimit: job.timeLimit,
    runTime: job.state === "RUNNING" && started ? null : job.runTime,
    start: started,
    end: job.endTime ?? null,
    submit: job.submitTime ?? null,
    priority: job.priority ?? null,
    memReq: job.memReq || null,
    memMax: job.memMax || null,
    jobfsReq: job.jobfsReq || null,
    exitCode: job.exitCode ?? null,
    hosts,
  };
}

/** Return the cores of one host in the form of the published shards. */
function coresOf(stored: Stored, host: string): Cores {
  const node = stored.nodes[host];
  const jobs: Record<string, [string, string]> = {};
  for (const [id, job] of Object.entries(stored.jobs)) {
    const indices = job.state === "RUNNING" ? job.layout[host] : undefined;
    if (indices) jobs[id] = [indices.join(","), (job.gpuLayout[host] ?? []).join(",")];
  }
  const nodes: Cores["nodes"] = {};
  if (node) {
    const gpus = Object.entries(node.gpus ?? {}).sort(([a], [b]) => a.localeCompare(b, "en", { numeric: true }));
    nodes[host] = {
      cores:
        node.cpu?.core.map((core) => (core ? [(core[0] ?? 0) + (core[1] ?? 0), core[2] ?? 0, core[3] ?? 0] : null)) ??
        null,
      gpus: gpus.map(([, gpu]) => ({
        util: gpu.util,
        memUsed: gpu.memory.used ?? null,
        memTotal: gpu.memory.total ?? null,
      })),
      jobs,
      load: node.load ?? null,
      pressure: node.pressure ?? null,
    };
  }
  return { format: 1, timestamp: stored.timestamp, nodes };
}
