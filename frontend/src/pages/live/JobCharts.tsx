import { useMemo } from "react";
import type { Live } from "../../api/live";
import { useHistory } from "../../api/useLive";
import { type Line, TimeChart } from "../../charts/TimeChart";
import { disk, events, memory, percent, rate } from "../../lib/format";
import { join, rowOf, type Window } from "../../lib/window";
import type { JobView } from "./model";
import { beginning, Spans } from "./Spans";
import type { Selection } from "./selection";

/** What charts want to know of a job, running or ended. */
type Charted = Pick<JobView, "job">;

interface Props {
  live: Live;
  view: Charted;
  /** Only this node of the job; all together when absent. */
  host: string | undefined;
  selection: Selection;
}

/** A running job's use of the machine over time. */
export function JobCharts({ live, view, host, selection }: Props) {
  const { job } = view;
  const now = live.snapshot.timestamp;
  const { name, from } = beginning(selection.span, now, job.start);
  const { chunks, loading, problems } = useHistory(live, from);
  const id = job.id;
  const window = useMemo(
    () => join(chunks, from, now, { jobs: new Set([id]), hosts: new Set() }),
    [chunks, from, now, id],
  );
  const charts = useMemo(() => chartsOf(window, view, host), [window, view, host]);
  return (
    <>
      <h3>
        {host ? `Use on ${host}` : "Use"} <Spans value={name} whole={Boolean(job.start)} selection={selection} />
      </h3>
      {problems.map((problem) => (
        <p key={problem} className="notice warn">
          {problem}
        </p>
      ))}
      {loading && <p className="muted">Reading the earlier part …</p>}
      {charts.length === 0 && <p className="muted">No measurements of this job.</p>}
      {charts.map((chart) => (
        <TimeChart key={chart.title} times={window.times} range={[from, now]} {...chart} />
      ))}
    </>
  );
}

interface Chart {
  title: string;
  lines: Line[];
  format: (value: number | null) => string;
  stacked?: boolean;
  binary?: boolean;
  top?: number;
}

function chartsOf(window: Window, view: Charted, host: string | undefined): Chart[] {
  const { jobs, times } = window;
  const { job } = view;
  const rows = (jobs.of.get(job.id) ?? []).filter((row) => host === undefined || jobs.host[row] === host);
  const hosts = host === undefined ? Math.max(1, job.hosts.length) : 1;
  const has = (name: string) => {
    const table = jobs.columns[name];
    return rows.some((row) => rowOf(table, row, times.length).some((value) => !Number.isNaN(value)));
  };
  const sum = (name: string) =>
    added(
      rows.map((row) => rowOf(jobs.columns[name], row, times.length)),
      times.length,
    );
  const mean = (name: string, weights: (row: number) => Float64Array | number) =>
    averaged(
      rows.map((row) => ({ values: rowOf(jobs.columns[name], row, times.length), weight: weights(row) })),
      times.length,
    );
  const known = (row: number) => rowOf(jobs.columns.known, row, times.length);
  const gpus = (row: number) => jobs.gpus[row] ?? 0;
  const limit = (value: number) => new Float64Array(times.length).fill(value);
  const charts: Chart[] = [];
  if (has("user")) {
    charts.push({
      title: "CPU",
      stacked: true,
      top: 100,
      format: percent,
      lines: [
        { label: "user", tone: "cpu-user", style: "fill", values: mean("user", known) },
        { label: "system", tone: "cpu-system", style: "fill", values: mean("system", known) },
        { label: "wait", tone: "cpu-wait", style: "fill", values: mean("wait", known) },
      ],
    });
  }
  if (has("mem")) {
    const lines: Line[] = [{ label: "used", tone: "mem", style: "fill", values: sum("mem") }];
    if (job.memReq) lines.push({ label: "request", tone: "muted", style: "dash", values: limit(job.memReq * hosts) });
    charts.push({ title: "Memory", binary: true, format: memory, lines });
  }
  if (has("gpuUtil")) {
    const lines: Line[] = [{ label: "busy", tone: "gpu", style: "fill", values: mean("gpuUtil", gpus) }];
    charts.push({ title: "GPU", top: 100, format: percent, lines });
  }
  if (has("gpuMem")) {
    charts.push({
      title: "GPU memory",
      binary: true,
      format: memory,
      lines: [{ label: "used", tone: "gpu", style: "fill", values: sum("gpuMem") }],
    });
  }
  if (has("jobfs")) {
    const lines: Line[] = [{ label: "used", tone: "disk", style: "fill", values: sum("jobfs") }];
    if (job.jobfsReq)
      lines.push({ label: "request", tone: "muted", style: "dash", values: limit(job.jobfsReq * hosts) });
    charts.push({ title: "Local scratch", format: disk, lines });
  }
  if (has("fsRead") || has("fsWrite")) {
    charts.push({
      title: "Shared file systems",
      format: rate,
      lines: [
        { label: "read", tone: "in", style: "line", values: sum("fsRead") },
        { label: "written", tone: "out", style: "line", values: sum("fsWrite") },
      ],
    });
  }
  if (has("fsOps")) {
    charts.push({
      title: "File operations",
      format: events,
      lines: [{ label: "all", tone: "in", style: "line", values: sum("fsOps") }],
    });
  }
  return charts;
}

/** Add what is known at each time. */
function added(rows: readonly Float64Array[], length: number): Float64Array {
  const out = new Float64Array(length).fill(Number.NaN);
  for (const row of rows) {
    row.forEach((value, t) => {
      if (!Number.isNaN(value)) out[t] = value + (Number.isNaN(out[t] as number) ? 0 : (out[t] as number));
    });
  }
  return out;
}

function averaged(
  rows: readonly { values: Float64Array; weight: Float64Array | number }[],
  length: number,
): Float64Array {
  return Float64Array.from({ length }, (_, t) => {
    let all = 0;
    let result = 0;
    for (const { values, weight } of rows) {
      const value = values[t] as number;
      const w = typeof weight === "number" ? weight : (weight[t] as number);
      if (Number.isNaN(value) || !(w > 0)) continue;
      all += w;
      result += w * value;
    }
    return all > 0 ? result / all : Number.NaN;
  });
}
