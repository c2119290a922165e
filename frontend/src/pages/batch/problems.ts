// What the daemon says is wrong with a request, put to the fields that it is about.

export interface Problems {
  fields: Readonly<Record<string, string>>;
  /** What is about no single field. */
  rest: string;
}

export const NO_PROBLEMS: Problems = { fields: {}, rest: "" };

/** Guesses for sentences that name no field: part of the sentence → field. */
export type Guess = readonly [RegExp, string];

/** Take "name: what is wrong; schedule: …" apart; sentences that name no known field are guessed at, or stay. */
export function problemsOf(detail: string, names: readonly string[], guesses: readonly Guess[] = []): Problems {
  const fields: Record<string, string> = {};
  const rest: string[] = [];
  for (const part of detail.split(/; (?=[\w-]+: )/)) {
    const [, name = "", words = part] = /^([\w-]+): ([\s\S]*)$/.exec(part) ?? [];
    const text = sentence(words.replace(/^Value error, /, ""));
    const field = names.includes(name) ? name : guesses.find(([pattern]) => pattern.test(part))?.[1];
    if (field) fields[field] = fields[field] ? `${fields[field]} ${text}` : text;
    else rest.push(name && name !== "body" ? sentence(part) : text);
  }
  return { fields, rest: rest.join(" ") };
}

/** Begin a sentence in capitals, and end it. */
export function sentence(text: string): string {
  const words = text.trim();
  return words ? `${words.charAt(0).toUpperCase()}${words.slice(1)}${/[.!?…]$/.test(words) ? "" : "."}` : "";
}
