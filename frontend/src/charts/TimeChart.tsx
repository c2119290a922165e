import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "react";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { type Declared, namesAt } from "../lib/declared";
import { clock, moment } from "../lib/format";
import { colour, useTheme } from "../lib/theme";
import { type Band, drawBands, drawMarks, translucent } from "./drawing";
import { type Line, prepare, thin } from "./prepare";

export type { Band } from "./drawing";
export type { Line } from "./prepare";

interface Props {
  title: string;
  /** A few words behind the title. */
  note?: string;
  times: readonly number[];
  lines: Line[];
  /** Writes a value with its unit. */
  format: (value: number | null) => string;
  stacked?: boolean;
  /** Whether the scale is divided by powers of two, as for memory. */
  binary?: boolean;
  /** Top of the scale where it is fixed, as 100 for percentages. */
  top?: number;
  /** Start and end of the time axis in epoch seconds. */
  range: [number, number];
  /** Times to mark. */
  bands?: readonly Band[];
  /** What was declared in the range. */
  marks?: readonly Declared[];
}

const NO_BANDS: readonly Band[] = [];
const NO_MARKS: readonly Declared[] = [];

const HEIGHT = 108;
const POWERS = Array.from({ length: 40 }, (_, i) => 2 ** i);

/** A chart over time; all charts on the page share their crosshair. */
export function TimeChart(props: Props) {
  const { title, note, times, lines, format, stacked = false, binary = false, top, range, bands = NO_BANDS } = props;
  const { marks = NO_MARKS } = props;
  const theme = useTheme();
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const formatter = useRef(format);
  formatter.current = format;
  const marked = useRef({ bands, marks });
  marked.current = { bands, marks };
  const [cursor, setCursor] = useState<number | null>(null);
  const [near, setNear] = useState("");
  const data = useMemo(() => prepare(times, lines, stacked), [times, lines, stacked]);
  const shape = lines.map((line) => `${line.label}:${line.tone}:${line.style}`).join("|");
  const [from, to] = range;

  // biome-ignore lint/correctness/useExhaustiveDependencies: data and lines come in below; a new plot only for a new shape
  useLayoutEffect(() => {
    const element = box.current;
    if (!element) return;
    const own = new uPlot(
      options(
        element.clientWidth,
        lines,
        { stacked, binary, top, range: [from, to] },
        (value) => formatter.current(value),
        (index, time, reach) => {
          setCursor(index);
          setNear(index === null ? "" : namesAt(marked.current.marks, time, reach).join(", "));
        },
        () => marked.current,
      ),
      [data.times, ...data.drawn] as uPlot.AlignedData,
      element,
    );
    plot.current = own;
    const observer = new ResizeObserver(() => own.setSize({ width: element.clientWidth, height: HEIGHT }));
    observer.observe(element);
    return () => {
      observer.disconnect();
      own.destroy();
      plot.current = null;
    };
  }, [shape, stacked, binary, top, theme, to - from > 86400]);

  // biome-ignore lint/correctness/useExhaustiveDependencies: bands and marks are read while drawing
  useEffect(() => {
    const own = plot.current;
    if (!own) return;
    own.batch(() => {
      own.setData([data.times, ...data.drawn] as uPlot.AlignedData, true);
      own.setScale("x", { min: from, max: to });
    });
  }, [data, from, to, bands, marks]);

  const end = lastKnown(lines, data.plain);
  const at = cursor ?? end;
  const description = lines.map((line, k) => `${line.label} ${format(data.plain[k]?.[end] ?? null)}`).join(", ");
  const troubles = [...new Set(bands.map(([, , trouble]) => trouble))];
  const declared = [...new Set(marks.map((mark) => mark.name))].slice(0, 5);
  const marking = troubles.map((trouble) => `; marked: ${trouble}`).concat(declared.map((name) => `; mark: ${name}`));
  const then = cursor === null ? undefined : data.times[at];
  return (
    <figure className="chart">
      <figcaption>
        <span className="chart-title">
          {title}
          {note && <span className="muted"> {note}</span>}
        </span>
        <span className="chart-values">
          {cursor !== null && <span className="chart-time">{clock(data.times[at])}</span>}
          {troublesAt(bands, then).map((trouble) => (
            <span key={trouble} className="band-word">
              {trouble}
            </span>
          ))}
          {lines.map((line, k) => (
            <span key={line.label}>
              <i className={`key ${line.style}`} style={{ color: `var(--${line.tone})` }} /> {line.label}{" "}
              <b>{format(data.plain[k]?.[at] ?? null)}</b>
            </span>
          ))}
        </span>
      </figcaption>
      <div className="chart-plot">
        <div ref={box} role="img" aria-label={`${title} over time; at the end: ${description}${marking.join("")}`} />
        {near && (
          <span className={`mark-label ${(then ?? 0) > (from + to) / 2 ? "left" : "right"}`} aria-hidden="true">
            <bdi>{near}</bdi>
          </span>
        )}
      </div>
      <Twin {...{ title, lines, format, bands, marks }} times={data.times} plain={data.plain} />
    </figure>
  );
}

// The last place where a line that is no limit is known.
function lastKnown(lines: readonly Line[], plain: readonly (number | null)[][]): number {
  const own = plain.filter((_, k) => lines[k]?.style !== "dash");
  const length = plain[0]?.length ?? 0;
  for (let i = length - 1; i >= 0; i--) if (own.some((column) => (column[i] ?? null) !== null)) return i;
  return length - 1;
}

// What is marked at a time, or at any time when none is pointed at.
function troublesAt(bands: readonly Band[], time: number | undefined): string[] {
  return [...new Set(bands.filter(([from, to]) => time === undefined || (from < time && time <= to)).map((b) => b[2]))];
}

type TwinProps = Pick<Props, "title" | "times" | "lines" | "format"> & {
  plain: (number | null)[][];
  bands: readonly Band[];
  marks: readonly Declared[];
};

function Twin({ title, times, lines, plain, format, bands, marks }: TwinProps) {
  const [open, setOpen] = useState(false);
  const shown = thin(times.length, 60);
  const some = bands.length + marks.length > 0;
  // What was declared since the row before.
  const declaredAt = (row: number) => {
    const [before = 0, time = 0] = [times[shown[row - 1] ?? 0], times[shown[row] ?? 0]];
    return namesAt(marks, (before + time) / 2 + 0.001, (time - before) / 2);
  };
  return (
    <details className="twin" onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>
        Table<span className="sr"> of {title}</span>
      </summary>
      {open && (
        <table>
          <thead>
            <tr>
              <th scope="col">Time</th>
              {lines.map((line) => (
                <th scope="col" key={line.label}>
                  {line.label}
                </th>
              ))}
              {some && <th scope="col">Marked</th>}
            </tr>
          </thead>
          <tbody>
            {shown.map((i, row) => (
              <tr key={times[i]}>
                <th scope="row">{clock(times[i])}</th>
                {lines.map((line, k) => (
                  <td key={line.label}>{format(plain[k]?.[i] ?? null)}</td>
                ))}
                {some && <td>{[...troublesAt(bands, times[i]), ...declaredAt(row)].join(", ")}</td>}
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </details>
  );
}

function options(
  width: number,
  lines: readonly Line[],
  { stacked, binary, top, range }: Required<Pick<Props, "stacked" | "binary" | "range">> & { top: number | undefined },
  format: (value: number | null) => string,
  onCursor: (index: number | null, time: number, reach: number) => void,
  marked: () => { bands: readonly Band[]; marks: readonly Declared[] },
): uPlot.Options {
  const long = range[1] - range[0] > 86400;
  const muted = colour("muted");
  const rule = colour("rule");
  const warn = colour("warn");
  const text = colour("text");
  const font = `11px ${getComputedStyle(document.body).fontFamily}`;
  const bands = lines.flatMap((line, k) =>
    stacked && k > 0 && line.style === "fill" && lines[k - 1]?.style === "fill"
      ? [{ series: [k + 1, k] as uPlot.Band.Bounds }]
      : [],
  );
  return {
    width: Math.max(120, width),
    height: HEIGHT,
    padding: [6, 14, 0, 0],
    legend: { show: false },
    cursor: { y: false, sync: { key: "time" }, drag: { x: false, y: false }, points: { size: 5 } },
    scales: {
      x: { time: true, auto: false, min: range[0], max: range[1] },
      y: { range: (_, __, max) => [0, top ?? (max > 0 ? max * 1.08 : 1)] },
    },
    axes: [
      {
        stroke: muted,
        font,
        size: 24,
        space: long ? 96 : 64,
        gap: 6,
        grid: { show: false },
        ticks: { show: false },
        values: (_, splits) => splits.map((time) => (long ? moment(time) : clock(time, false))),
      },
      {
        stroke: muted,
        font,
        size: 62,
        gap: 4,
        space: 20,
        grid: { stroke: rule, width: 1 },
        ticks: { show: false },
        values: (_, splits) => splits.map((value) => (value === 0 ? "0" : format(value))),
        ...(binary ? { incrs: POWERS } : {}),
      },
    ],
    bands,
    series: [
      {},
      ...lines.map((line): uPlot.Series => {
        const stroke = colour(line.tone);
        return {
          label: line.label,
          stroke,
          width: line.style === "dash" ? 1 : 1.25,
          points: { show: false },
          ...(line.style === "dash" ? { dash: [5, 4] } : {}),
          ...(line.style === "fill" ? { fill: translucent(stroke, stacked ? 0.62 : 0.24) } : {}),
        };
      }),
    ],
    hooks: {
      drawClear: [(u) => drawBands(u, marked().bands, warn)],
      draw: [(u) => drawMarks(u, marked().marks, text)],
      setCursor: [
        (u) => {
          const { idx, left = -1 } = u.cursor;
          // The time that is pointed at: where measurements are missing the next one is far away.
          const at = (x: number) => u.posToVal(x, "x");
          onCursor(typeof idx === "number" && left >= 0 ? idx : null, at(left), at(6) - at(0));
        },
      ],
    },
  };
}
