// Finished jobs, and what running ones have used since their start.
import { FileError, fetchFile, fetchPublished } from "./fetch";
import type { Site } from "./site";
import type { Runs } from "./types.gen";

export type Run = Runs["runs"][string];
export type RunWarning = Run["warnings"][number];

export interface Found {
  jobs: Run[];
  total: number;
  /** Offset of the next page, null after the last one. */
  next: number | null;
}

const SHARDS = 32;

/** Load what a running job has used so far; null when the file does not tell of it yet. */
export async function loadRun(site: Site, id: string): Promise<Run | null> {
  let sum = 0;
  for (let i = 0; i < id.length; i++) sum += id.charCodeAt(i);
  const runs = (await fetchFile(site.address, `live/runs/${sum % SHARDS}`)) as Partial<Runs> | null;
  return (runs?.format === 1 && runs.runs?.[id]) || null;
}

/** Load what a finished job has used; null when nothing is known of it, or nobody answers behind the CGI scripts. */
export async function loadFinished(site: Site, id: string): Promise<Run | null> {
  try {
    return (await fetchPublished(`${site.address}live/jobs/${encodeURIComponent(id)}`, `job ${id}`)) as Run;
  } catch (error) {
    if (error instanceof FileError && error.reason.startsWith("404")) return null;
    throw error;
  }
}

/** Search among the finished jobs. */
export async function searchFinished(site: Site, query: URLSearchParams, signal?: AbortSignal): Promise<Found> {
  const found = (await fetchPublished(
    `${site.address}live/jobs?${query}`,
    "the finished jobs",
    signal,
  )) as Partial<Found> | null;
  if (!Array.isArray(found?.jobs)) throw new FileError("the finished jobs", "make no sense");
  return found as Found;
}
