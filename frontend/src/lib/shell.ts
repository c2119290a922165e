// Commands as people type them, split into the arguments that a program is given: no shell ever looks at them.

export interface Split {
  words: string[];
  /** What is wrong, "" when nothing is. */
  wrong: string;
}

/** Split at blanks as a shell would, with its quotes and backslashes; nothing is expanded. */
export function splitWords(text: string): Split {
  const words: string[] = [];
  let word: string | null = null;
  let quote = "";
  for (let i = 0; i < text.length; i++) {
    const sign = text[i] as string;
    const next = text[i + 1];
    if (quote) {
      if (sign === quote) quote = "";
      else if (quote === '"' && sign === "\\" && next !== undefined && '"\\$`'.includes(next)) {
        word += next;
        i++;
      } else word += sign;
    } else if (/\s/.test(sign)) {
      if (word !== null) words.push(word);
      word = null;
    } else if (sign === "'" || sign === '"') {
      quote = sign;
      word ??= "";
    } else if (sign === "\\") {
      if (next === undefined) return { words, wrong: "A backslash at the end has nothing behind it." };
      word = (word ?? "") + next;
      i++;
    } else word = (word ?? "") + sign;
  }
  if (word !== null) words.push(word);
  return { words, wrong: quote ? `A quotation mark ${quote} is not closed.` : "" };
}

/** Write arguments so that splitting gives them back. */
export function joinWords(words: readonly string[]): string {
  return words.map((word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'"'"'`)}'`)).join(" ");
}
