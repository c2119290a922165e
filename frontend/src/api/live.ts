// What an open page holds of the cluster's present, and how it keeps up: a summary and the last chunks of series
// first, then only the difference to each new snapshot.
import { type Answer, FileError, fetchFile, fetchFiles, serverNow } from "./fetch";
import { pointChunk } from "./point";
import type { Site } from "./site";
import { advance, type Snapshot, snapshotOf } from "./snapshot";
import type { Chunk, Cores, Latest, Summary, SummaryTier } from "./types.gen";

export interface Live {
  snapshot: Snapshot;
  /** In order of time; single points of later snapshots follow the open chunk. */
  chunks: Chunk[];
  /** Files that were there but could not be read. */
  problems: string[];
  /** Cores of a host, where they came with a stored snapshot and need not be asked for. */
  cores?: (host: string) => Cores;
  /** Of which series of means it was made, when its snapshot is not kept any more. */
  thinned?: "month" | "year";
}

/** Seconds of series that an open page keeps for its lists. */
export const SHOWN_S = 1800;

const FORMAT = 1;

/** Load everything the lists need, the last half hour included, in one request. */
export async function loadLive(site: Site): Promise<Live> {
  const [first, recent] = await fetchFiles(site.address, ["live/summary", "live/recent"]);
  if (first instanceof FileError) throw first;
  const snapshot = snapshotOf(checked<Summary>("live/summary", first));
  try {
    const chunk = readChunk("live/recent", recent);
    return { snapshot, chunks: chunk ? [chunk] : [], problems: [] };
  } catch (error) {
    if (!(error instanceof FileError)) throw error;
    return { snapshot, chunks: [], problems: [error.message] };
  }
}

/** Bring what an open page holds to the newest snapshot; the same object when there is none. */
export async function refresh(site: Site, live: Live): Promise<Live> {
  const latest = await loadLatest(site);
  if (latest === null) return loadLive(site);
  if (latest.timestamp === live.snapshot.timestamp) return withSources(live, latest);
  if (latest.previous !== live.snapshot.timestamp) return loadLive(site);
  const snapshot = advance(live.snapshot, latest);
  const point = pointChunk(snapshot, latest.point);
  if (point === null) return loadLive(site);
  const from = latest.timestamp - SHOWN_S;
  const kept = live.chunks.filter((chunk) => (chunk.times.at(-1) ?? 0) > from);
  return { ...live, snapshot, chunks: [...kept, point] };
}

// A cycle that failed leaves the snapshot and tells what is wrong with its sources.
function withSources(live: Live, latest: Latest): Live {
  const told = (latest.summary as Partial<Summary>).sources;
  if (!told || JSON.stringify(told) === JSON.stringify(live.snapshot.sources)) return live;
  return { ...live, snapshot: { ...live.snapshot, sources: told } };
}

// A latest that is missing or broken is no reason to stand still while the summary is there.
async function loadLatest(site: Site): Promise<Latest | null> {
  try {
    return checked<Latest>("live/latest", await fetchFile(site.address, "live/latest"));
  } catch (error) {
    if (error instanceof FileError) return null;
    throw error;
  }
}

export type Tier = "day" | "month" | "year";

/** Choose the finest series that covers a span before the snapshot without asking for too many files. */
export function tierFor(snapshot: Snapshot, from: number): Tier {
  const { day, month, year } = snapshot.series;
  const first = ({ closed, open }: SummaryTier) => closed[0] ?? open ?? Number.POSITIVE_INFINITY;
  // A coarse tier's first chunk may begin long before its first point: what began within it is no longer.
  const covers = (tier: SummaryTier, coarser = tier) =>
    first(tier) <= from + tier.span || (coarser !== tier && first(tier) < first(coarser) + coarser.span);
  const few = ({ closed, span }: SummaryTier) => closed.filter((start) => start + span > from).length <= 24;
  if (covers(day, month) && few(day)) return "day";
  return (covers(month, year) && few(month)) || year.closed.length === 0 ? "month" : "year";
}

// Closed chunks never change: keep the ones read lately.
const closed = new Map<string, Chunk>();
const KEPT = 60;

/** Load the chunks of a tier that hold points after `from` and until `to`. */
export async function loadChunks(
  site: Site,
  tier: Tier,
  snapshot: Snapshot,
  from: number,
  to = Number.POSITIVE_INFINITY,
  signal?: AbortSignal,
): Promise<{ chunks: Chunk[]; problems: string[] }> {
  const { open: newest, closed: starts, span } = snapshot.series[tier];
  const open = newest !== null && newest <= to ? newest : null;
  const names = starts
    .filter((start) => start + span > from && start <= to)
    .map((start) => `live/series/${tier}/${start}`);
  const asked = names.filter((name) => !closed.has(name));
  if (open !== null) asked.push(`live/series/${tier}/open`);
  const answers = new Map<string, Answer>();
  (await fetchFiles(site.address, asked, signal)).forEach((answer, i) => {
    answers.set(asked[i] as string, answer);
  });
  const chunks: Chunk[] = [];
  const problems: string[] = [];
  for (const name of open === null ? names : [...names, `live/series/${tier}/open`]) {
    try {
      const chunk = closed.get(name) ?? readChunk(name, answers.get(name));
      if (chunk === null) continue;
      chunks.push(chunk);
      if (!name.endsWith("/open")) remember(name, chunk);
    } catch (error) {
      if (!(error instanceof FileError)) throw error;
      problems.push(error.message);
    }
  }
  return { chunks, problems };
}

/** Load the cores of one shard of nodes. */
export async function loadCores(site: Site, shard: number): Promise<Cores> {
  const name = `live/cores/${shard}`;
  return checked<Cores>(name, await fetchFile(site.address, name));
}

/** Milliseconds until it is worth asking again. */
export function untilDue(site: Site, snapshot: Snapshot | undefined, failed: boolean): number {
  if (failed || snapshot === undefined) return site.fetchFrequency * 1000;
  // The file is there a moment after its time stamp: the back end is asked first.
  const due = snapshot.timestamp + snapshot.interval + 1.5;
  const wait = due - serverNow();
  if (wait > 0) return Math.max(1000, wait * 1000);
  return wait > -snapshot.interval ? 2000 : site.fetchFrequency * 1000;
}

function remember(name: string, chunk: Chunk): void {
  closed.delete(name);
  closed.set(name, chunk);
  for (const oldest of closed.keys()) {
    if (closed.size <= KEPT) break;
    closed.delete(oldest);
  }
}

/** Read a chunk of series; null when there is none, a FileError when it is broken. */
export function readChunk(name: string, answer: Answer | undefined): Chunk | null {
  if (answer === null || answer === undefined) return null;
  if (answer instanceof FileError) throw answer;
  const chunk = checked<Chunk>(name, answer);
  if (!Array.isArray(chunk.times) || !chunk.jobRows || !chunk.nodeRows)
    throw new FileError(name, "is no chunk of series");
  return chunk;
}

function checked<File extends { format: number }>(name: string, value: unknown): File {
  if (value === null || typeof value !== "object") throw new FileError(name, "is not there yet");
  const format = (value as { format?: unknown }).format;
  if (format !== FORMAT) {
    throw new FileError(name, `has format ${String(format)}, this page reads format ${FORMAT}: load the page again`);
  }
  return value as File;
}
