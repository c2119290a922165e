// Questions to the daemon that no file answers, and the files of the future: backfill and predictions.
import { FileError, fetchFile, fetchPublished } from "./fetch";
import type { Site } from "./site";
import type { Backfill, Predictions } from "./types.gen";

export interface Ask {
  /** Per node; memory in MiB, walltime in minutes, 0 without a limit; partition "" for any. */
  cores: number;
  nodes: number;
  memory: number;
  gpus: number;
  walltime: number;
  partition: string;
}

export interface WindowAnswer {
  timestamp: number;
  now: boolean;
  /** Epoch seconds of the first possible start, null for never. */
  startAt: number | null;
  reason: string;
  partition: string;
  nodes: string[];
  line: string;
  alternatives: { changed: string; line: string }[];
}

/** Ask when a request could start. Behind the CGI scripts alone nobody answers: a FileError with 404. */
export async function askWindow(site: Site, ask: Ask, signal?: AbortSignal): Promise<WindowAnswer> {
  const query = new URLSearchParams(Object.entries(ask).map(([name, value]) => [name, String(value)]));
  const answer = await fetchPublished(`${site.address}live/window?${query}`, "the answer", signal);
  const found = answer as Partial<WindowAnswer> | null;
  if (typeof found?.now !== "boolean") throw new FileError("the answer", "makes no sense");
  return found as WindowAnswer;
}

/** Load what could start now by partition and core count. */
export async function loadBackfill(site: Site): Promise<Backfill> {
  const backfill = await fetchPublished(`${site.address}backfill.py`, "the backfill");
  if (backfill === null || typeof backfill !== "object") throw new FileError("the backfill", "is not readable");
  return backfill as Backfill;
}

/** Load what was foretold of starts, and when they really were. */
export async function loadPredictions(site: Site): Promise<Predictions> {
  const found = (await fetchFile(site.address, "live/predictions")) as Partial<Predictions> | null;
  if (found?.format !== 1 || !Array.isArray(found.started)) throw new FileError("live/predictions", "is not readable");
  return found as Predictions;
}
