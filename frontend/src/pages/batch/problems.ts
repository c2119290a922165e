// What the daemon says is wrong with a request, put to the fields that it is about.

import { AskError, type Fault } from "../../api/ask";

export interface Problems {
  fields: Readonly<Record<string, string>>;
  /** What is about no single field. */
  rest: string;
}

export const NO_PROBLEMS: Problems = { fields: {}, rest: "" };

/** Guesses for sentences that name no field: part of the sentence → field. */
export type Guess = readonly [RegExp, string];

/** Put each thing that is wrong to its field; what is about none of those that are known is guessed at, or stays. */
export function problemsOf(error: unknown, names: readonly string[], guesses: readonly Guess[] = []): Problems {
  const fields: Record<string, string> = {};
  const rest: string[] = [];
  for (const { field: place, detail } of faultsOf(error)) {
    const [name = ""] = place.split(/[.[]/);
    const whole = place && place !== "body" ? `${place}: ${detail}` : detail;
    const field = names.includes(name) ? name : guesses.find(([pattern]) => pattern.test(whole))?.[1];
    const text = sentence(field && (place === name || field !== name) ? detail : whole);
    if (field) fields[field] = fields[field] ? `${fields[field]} ${text}` : text;
    else rest.push(text);
  }
  return { fields, rest: rest.join(" ") };
}

/** Return the faults that an answer names; else take "name: what is wrong; schedule: …" apart. */
function faultsOf(error: unknown): readonly Fault[] {
  if (error instanceof AskError && error.faults.length) return error.faults;
  const told = error instanceof Error ? error.message : String(error);
  return told.split(/; (?=[\w-]+: )/).map((part) => {
    const [, field = "", detail = part] = /^([\w-]+): ([\s\S]*)$/.exec(part) ?? [];
    return { field, detail };
  });
}

/** Begin a sentence in capitals, and end it. */
export function sentence(text: string): string {
  const words = text.trim();
  return words ? `${words.charAt(0).toUpperCase()}${words.slice(1)}${/[.!?…]$/.test(words) ? "" : "."}` : "";
}
