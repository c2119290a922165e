// GET of published files: one answer for several names, and errors that say which file and why.

import { detailOf } from "./ask";
import { booted } from "./boot";
import { authorization, token } from "./session";

export class FileError extends Error {
  constructor(
    readonly file: string,
    readonly reason: string,
  ) {
    super(`${file}: ${reason}`);
    this.name = "FileError";
  }
}

/** One published file as it came: null when it does not exist yet, an error when it makes no sense. */
export type Answer = unknown | null | FileError;

/** As many names as one request may ask for. */
const MOST_NAMES = 20;

let ahead = 0;
let reader = "";

/** Return what the files call the one who has signed in, as the last answer said; "" for nobody. */
export const readerName = (): string => reader;

/** Return the server's time in epoch seconds: this machine's clock may be wrong. */
export function serverNow(): number {
  return Date.now() / 1000 + ahead;
}

/** Fetch one file; a missing or broken one is an error. */
export async function fetchFile(address: string, name: string, signal?: AbortSignal): Promise<unknown> {
  const text = await get(address, [name], signal);
  const answer = parse(name, text);
  if (answer instanceof FileError) throw answer;
  return answer;
}

/** Fetch another of the published files than a page's: the newest backfill, or the stored snapshot nearest to a time. */
export async function fetchPublished(url: string, file: string, signal?: AbortSignal): Promise<unknown> {
  const answer = parse(file, await text(file, url, signal));
  if (answer instanceof FileError) throw answer;
  return answer;
}

/** Fetch files in few requests, answers in the order of the names; only a failed request throws. */
export async function fetchFiles(address: string, names: readonly string[], signal?: AbortSignal): Promise<Answer[]> {
  const answers: Answer[] = [];
  for (let i = 0; i < names.length; i += MOST_NAMES) {
    const some = names.slice(i, i + MOST_NAMES);
    if (some.length === 1) {
      answers.push(await single(address, some[0] as string, signal));
      continue;
    }
    const lines = (await get(address, some, signal)).split("\n");
    answers.push(...some.map((name, k) => (lines[k]?.trim() ? parse(name, lines[k]) : null)));
  }
  return answers;
}

// One name alone is answered with 404 when the file is missing, several are not.
async function single(address: string, name: string, signal?: AbortSignal): Promise<Answer> {
  try {
    return parse(name, await get(address, [name], signal));
  } catch (error) {
    if (error instanceof FileError && error.reason.startsWith("404")) return null;
    throw error;
  }
}

function get(address: string, names: readonly string[], signal?: AbortSignal): Promise<string> {
  const query = names.map((name) => `name=${name}`).join("&");
  const file = names.length === 1 ? (names[0] as string) : `${names[0]} and ${names.length - 1} more`;
  return text(file, `${address}page.py?${query}`, signal);
}

async function text(file: string, url: string, signal: AbortSignal | undefined): Promise<string> {
  let response: Response;
  try {
    // "no-cache" asks each time but lets the browser answer 304 from its cache.
    const options: RequestInit = { cache: "no-cache", headers: authorization(), signal: signal ?? null };
    const early = await booted(url);
    // What was asked for before the page ran was asked for by nobody in particular.
    response = (token() ? undefined : early) ?? (await fetch(url, options));
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new FileError(file, "the server does not answer");
  }
  const date = Date.parse(response.headers.get("Date") ?? "");
  if (!Number.isNaN(date)) ahead = Math.abs(date - Date.now()) < 2000 ? 0 : (date - Date.now()) / 1000;
  if (!response.ok) throw new FileError(file, `${response.status} ${(await detailOf(response)).slice(0, 300)}`.trim());
  reader = decodeURIComponent(response.headers.get("X-Jobmon-User") ?? "");
  try {
    return await response.text();
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new FileError(file, "the answer broke off");
  }
}

function parse(name: string, text: string): Answer {
  try {
    return JSON.parse(text);
  } catch {
    return new FileError(name, "not readable as JSON");
  }
}
