import { Segments } from "../components/Segments";
import type { Selection } from "../lib/selection";

const spans = {
  "30m": { title: "30 min", seconds: 1800 },
  "2h": { title: "2 h", seconds: 7200 },
  "8h": { title: "8 h", seconds: 28800 },
  "1d": { title: "1 d", seconds: 86400 },
  "7d": { title: "7 d", seconds: 604800 },
} as const;

/** The choice of a span, which a page keeps in its address. */
export type Spanned = Pick<Selection<"span">, "span" | "set">;

/** Name of a span in the URL; "all" is the whole run of a job. */
export type SpanName = keyof typeof spans | "all";

/** Return where the charts begin, in epoch seconds; `start` is when a job began, null for a node. */
export function beginning(
  name: string | undefined,
  now: number,
  start: number | null,
): { name: SpanName; from: number } {
  if (name !== undefined && Object.hasOwn(spans, name)) {
    const span = name as keyof typeof spans;
    return { name: span, from: now - spans[span].seconds };
  }
  if (start === null || start <= 0) return { name: "30m", from: now - spans["30m"].seconds };
  // A run of a minute still needs an axis.
  return { name: "all", from: Math.min(start, now - 300) };
}

/** The span of the charts; for a job also its whole run, and no spans that are much longer than that. */
export function Spans({ value, ran, selection }: { value: SpanName; ran: number | null; selection: Spanned }) {
  const options: { value: SpanName; title: string }[] = Object.entries(spans)
    .filter(([name, { seconds }]) => (ran === null ? true : name === value || seconds < ran || name === "30m"))
    .map(([name, { title }]) => ({ value: name as SpanName, title }));
  if (ran !== null) options.push({ value: "all", title: "Whole run" });
  const standard = ran !== null ? "all" : "30m";
  return (
    <Segments
      label="Span of the charts"
      options={options}
      value={value}
      onChange={(name) => selection.set({ span: name === standard ? null : name })}
    />
  );
}
