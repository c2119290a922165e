// The dots of builds: a letter and a shape each, so that colour is never the only sign.
import type { StepResult } from "../../../api/releases";
import type { Tone } from "../states";

export interface Dot {
  letter: string;
  word: string;
  tone: Tone;
  shape: "disc" | "ring" | "diamond" | "square" | "triangle";
}

const dots: Readonly<Record<string, Dot>> = {
  C: { letter: "C", word: "Checkout failed", tone: "bad", shape: "diamond" },
  O: { letter: "O", word: "Does not compile", tone: "bad", shape: "square" },
  T: { letter: "T", word: "Tests fail", tone: "bad", shape: "triangle" },
  ok: { letter: "", word: "Good", tone: "ok", shape: "disc" },
  running: { letter: "", word: "Running", tone: "accent", shape: "ring" },
  queued: { letter: "", word: "Queued", tone: "muted", shape: "ring" },
  erased: { letter: "–", word: "Erased", tone: "muted", shape: "ring" },
};

/** Return how a mark is shown; any other way to end keeps its own word. */
export function dotOf(mark: string): Dot {
  if (Object.hasOwn(dots, mark)) return dots[mark] as Dot;
  const word = mark ? mark.charAt(0).toUpperCase() + mark.slice(1) : "Not known";
  return { letter: "!", word, tone: mark === "failed" ? "bad" : "warn", shape: "diamond" };
}

export const STEPS = ["checkout", "build", "test"] as const;
const letters: Readonly<Record<string, string>> = { checkout: "C", build: "O", test: "T" };

/** Return the dot of a sub-package: its first step that failed, else good once anything is known. */
export function dotOfSteps(steps: Readonly<Record<string, StepResult>>): Dot | null {
  const failed = STEPS.find((step) => (steps[step]?.rc ?? 0) !== 0);
  if (failed) return dotOf(letters[failed] as string);
  return Object.keys(steps).length ? dotOf("ok") : null;
}

export const PARTS = [
  ["build", "Build tree"],
  ["logs", "Logs"],
  ["documentation", "Documentation"],
  ["archive", "Source archive"],
  ["entry", "Entry in the list"],
] as const;

/** Write a size for people. */
export function sizeOf(bytes: number): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let value = bytes;
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${value < 10 && unit ? value.toFixed(1) : Math.round(value)} ${units[unit]}`;
}
