// States of jobs, runs, stages and due times, as words with a tone and a glyph each.

export type Tone = "ok" | "warn" | "bad" | "accent" | "muted";

export interface Look {
  word: string;
  tone: Tone;
  /** A path in a box of 12 × 12; filled, or a line. */
  glyph: string;
  line?: boolean;
}

const ring = "M6 1.8a4.2 4.2 0 1 1 0 8.4 4.2 4.2 0 0 1 0-8.4Z";
const disc = "M6 2.600a3.4 3.400 0 1 1 0 6.800 3.4 3.4 0 0 1 0-6.8Z";
const diamond = "M6 .3 11.7 6 6 11.7.3 6Z";
const triangle = "M6 1 11.4 10.6H.6Z";
const play = "M3 1.4 10.6 6 3 10.600Z";
const pause = "M2.800 2h2.200v8H2.8Zm4.2 0h2.2v8H7Z";
const cross = "m2.5 2.500 7 7m0-7-7 7";
const dash = "M1.800 6h8.4";
const half = "M6 1.8a4.2 4.2 0 1 1 0 8.4 4.2 4.2 0 0 1 0-8.400ZM6 1.8v8.4";
const clockFace = `${ring}M6 3.6V6l1.700 1.2`;

const looks: Readonly<Record<string, Look>> = {
  waiting: { word: "Waiting", tone: "muted", glyph: ring, line: true },
  queued: { word: "Queued", tone: "muted", glyph: ring, line: true },
  held: { word: "Held", tone: "warn", glyph: pause },
  submitting: { word: "Submitting", tone: "accent", glyph: half, line: true },
  pending: { word: "Pending", tone: "accent", glyph: clockFace, line: true },
  running: { word: "Running", tone: "accent", glyph: play },
  active: { word: "Active", tone: "accent", glyph: play },
  retry: { word: "To be tried again", tone: "warn", glyph: half, line: true },
  succeeded: { word: "Succeeded", tone: "ok", glyph: disc },
  fired: { word: "Fired", tone: "ok", glyph: disc },
  failed: { word: "Failed", tone: "bad", glyph: diamond },
  lost: { word: "Lost", tone: "bad", glyph: `${diamond}M6 3.500v3m0 1.200v1`, line: true },
  missed: { word: "Missed", tone: "bad", glyph: diamond },
  cancelled: { word: "Cancelled", tone: "muted", glyph: cross, line: true },
  stopped: { word: "Stopped", tone: "warn", glyph: cross, line: true },
  skipped: { word: "Skipped", tone: "muted", glyph: dash, line: true },
  unclear: { word: "Unclear", tone: "warn", glyph: triangle },
};

/** Return how a state is shown; one that nobody knows keeps its own word. */
export function lookOf(status: string): Look {
  if (Object.hasOwn(looks, status)) return looks[status] as Look;
  const words = status.replaceAll("_", " ");
  return {
    word: words ? words.charAt(0).toUpperCase() + words.slice(1) : "Not known",
    tone: "muted",
    glyph: dash,
    line: true,
  };
}

/** In the order of a job's life. */
export const jobStates = [
  ...["waiting", "held", "submitting", "pending", "running"],
  ...["succeeded", "failed", "cancelled", "lost", "skipped"],
] as const;

const ended = new Set(["succeeded", "failed", "cancelled", "lost", "skipped"]);

export const hasEnded = (status: string): boolean => ended.has(status);
