// From columns with NaN to what uPlot draws: stacked sums, and a null wherever time is missing.

import { stepsOf } from "../lib/gaps";

export interface Line {
  label: string;
  /** Name of a colour of the style sheet. */
  tone: string;
  values: ArrayLike<number>;
  /** Filled from the line below (stacked) or from zero; a plain line; a dashed one for limits. */
  style: "fill" | "line" | "dash";
}

export interface Prepared {
  times: number[];
  /** Drawn heights per line, stacked where the chart is. */
  drawn: (number | null)[][];
  /** The values themselves, at the same places. */
  plain: (number | null)[][];
}

/** Make columns to draw; a step far longer than the ones around it becomes a gap. */
export function prepare(times: readonly number[], lines: readonly Line[], stacked: boolean): Prepared {
  const { usual, gap } = stepsOf(times);
  const places: number[] = [];
  const out: number[] = [];
  times.forEach((time, i) => {
    if (gap[i]) {
      places.push(-1);
      out.push((times[i - 1] as number) + usual);
    }
    places.push(i);
    out.push(time);
  });
  const plain = lines.map((line) =>
    places.map((place) => {
      const value = place < 0 ? Number.NaN : (line.values[place] as number);
      return Number.isFinite(value) ? value : null;
    }),
  );
  if (!stacked) return { times: out, drawn: plain, plain };
  const height: (number | null)[] = out.map(() => 0);
  const drawn = plain.map((column, k) => {
    if (lines[k]?.style !== "fill") return column;
    return column.map((value, i) => {
      const below = height[i] ?? null;
      height[i] = value === null || below === null ? null : below + value;
      return height[i] as number | null;
    });
  });
  return { times: out, drawn, plain };
}

/** Return about `most` evenly spread places of a column, the last one always among them. */
export function thin(length: number, most: number): number[] {
  const step = Math.max(1, Math.ceil(length / most));
  const places: number[] = [];
  for (let i = length - 1; i >= 0; i -= step) places.push(i);
  return places.reverse();
}
