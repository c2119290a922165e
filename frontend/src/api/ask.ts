// Questions that the daemon itself answers, and what it is asked to do; errors are sentences of its own.
import { authorization } from "./session";

/** What is wrong with one field of a request; "body" is all of it, "labels.color" and "command[1]" are parts. */
export interface Fault {
  field: string;
  detail: string;
}

export class AskError extends Error {
  constructor(
    /** Of HTTP; 0 when nobody answered. */
    readonly status: number,
    message: string,
    readonly faults: readonly Fault[] = [],
  ) {
    super(message);
    this.name = "AskError";
  }
}

export type Method = "GET" | "POST" | "PUT" | "DELETE";

/** Say whether an error means that nobody offers this here. */
export const isAbsent = (error: unknown): boolean => error instanceof AskError && error.status === 404;

/** Ask for JSON, or for something to be done. */
export async function ask<T>(url: string, method: Method = "GET", body?: unknown, signal?: AbortSignal): Promise<T> {
  const response = await send(url, method, body, signal);
  try {
    return (await response.json()) as T;
  } catch {
    // What serves the page without a daemon may answer anything with a page.
    throw new AskError(method === "GET" ? 404 : 0, "The answer makes no sense.");
  }
}

/** Ask for a text. */
export async function askText(url: string, signal?: AbortSignal): Promise<string> {
  return (await send(url, "GET", undefined, signal)).text();
}

async function send(url: string, method: Method, body: unknown, signal: AbortSignal | undefined): Promise<Response> {
  const headers: Record<string, string> = authorization();
  // No other site can make a browser send this one.
  if (method !== "GET") headers["X-Requested-With"] = "jobmon";
  if (body !== undefined) headers["Content-Type"] = "application/json";
  let response: Response;
  try {
    response = await fetch(url, {
      method,
      headers,
      body: body === undefined ? null : JSON.stringify(body),
      signal: signal ?? null,
    });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new AskError(0, "The server does not answer.");
  }
  if (!response.ok) {
    const { detail, errors } = await problemOf(response);
    throw new AskError(response.status, detail, errors);
  }
  return response;
}

/** Return what an answer says is wrong. */
export async function detailOf(response: Response): Promise<string> {
  return (await problemOf(response)).detail;
}

async function problemOf(response: Response): Promise<{ detail: string; errors: Fault[] }> {
  try {
    const problem: { title?: unknown; detail?: unknown; errors?: unknown } = await response.json();
    const detail = String(problem.detail ?? problem.title ?? response.statusText).slice(0, 2000);
    return { detail, errors: Array.isArray(problem.errors) ? problem.errors.filter(isFault) : [] };
  } catch {
    return { detail: response.statusText || `The server answers ${response.status}.`, errors: [] };
  }
}

function isFault(one: unknown): one is Fault {
  if (typeof one !== "object" || one === null) return false;
  return "field" in one && typeof one.field === "string" && "detail" in one && typeof one.detail === "string";
}
