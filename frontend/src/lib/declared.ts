// Declared events, such as a maintenance or a change of software: the marks of the store. (lib/marks.ts is about judging.)
import { clock, moment } from "./format";

export interface Declared {
  /** Number in the file: names and times may be alike. */
  id: number;
  name: string;
  /** Epoch seconds; `until` is null for a moment. */
  at: number;
  until: number | null;
  note: string;
  source: string;
}

const known = (value: unknown): value is number => typeof value === "number" && Number.isFinite(value);

/** Return the marks of a file; one that is broken is left out, the rest stays. */
export function declaredOf(entries: unknown): Declared[] {
  if (!Array.isArray(entries)) return [];
  return entries
    .filter((one) => typeof one?.name === "string" && known(one.at) && (one.until === null || known(one.until)))
    .map(({ name, at, until, note, source }, id) => ({ id, name, at, until, note: String(note ?? ""), source }))
    .sort((a, b) => a.at - b.at);
}

/** Return the marks that lie in a span of time or reach into it. */
export function within(marks: readonly Declared[], from: number, to: number): Declared[] {
  return marks.filter((mark) => mark.at <= to && (mark.until ?? mark.at) >= from);
}

/** Return the names of the marks at a time, give or take `reach` seconds, each once; "and 3 more" for those beyond `most`. */
export function namesAt(marks: readonly Declared[], time: number, reach: number, most = 3): string[] {
  const names = [...new Set(within(marks, time - reach, time + reach).map((mark) => mark.name))];
  return names.length > most ? [...names.slice(0, most), `and ${names.length - most} more`] : names;
}

/** Write when it was: "21 Nov 08:00", "21 Nov 08:00 – 18:00", "21 Nov 20:00 – 22 Nov 04:00". */
export function when({ at, until }: Declared): string {
  if (until === null || until === at) return moment(at);
  const end = moment(until);
  const sameDay = end.replace(/ [\d:]+$/, "") === moment(at).replace(/ [\d:]+$/, "") && until - at < 86400;
  return `${moment(at)} – ${sameDay ? clock(until, false) : end}`;
}
