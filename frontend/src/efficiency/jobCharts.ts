// A job's charts: which there are, and their lines.
import type { Line } from "../charts/prepare";
import { disk, events, memory, percent, rate } from "../lib/format";
import { rowOf, type Window } from "../lib/window";
import type { JobView } from "./jobView";

export interface Chart {
  title: string;
  lines: Line[];
  format: (value: number | null) => string;
  stacked?: boolean;
  binary?: boolean;
  top?: number;
  /** Rules that judge what the chart shows. */
  rules?: readonly string[];
  /** What the lines are not. */
  note?: string;
}

/** Make the charts of what is known of a job, of all its nodes together or of one; a metric that nobody has is no chart. */
export function chartsOf(
  window: Window,
  { job }: Pick<JobView, "job">,
  host: string | undefined,
  swapOf: (host: string) => number | null = () => null,
): Chart[] {
  const { jobs, nodes, times } = window;
  const length = times.length;
  const all = jobs.of.get(job.id) ?? [];
  const rows = all.filter((row) => host === undefined || jobs.host[row] === host);
  const places = job.hosts.filter((place) => host === undefined || place.host === host);
  const ofRows = (name: string, some: readonly number[]) => some.map((row) => rowOf(jobs.columns[name], row, length));
  const has = (name: string) => ofRows(name, all).some((row) => row.some((value) => !Number.isNaN(value)));
  const sum = (name: string, some = rows) => added(ofRows(name, some), length);
  const mean = (name: string, weights: (row: number) => Float64Array | number) =>
    averaged(
      rows.map((row) => ({ values: rowOf(jobs.columns[name], row, length), weight: weights(row) })),
      length,
    );
  const known = (row: number) => rowOf(jobs.columns.known, row, length);
  const gpus = (row: number) => jobs.gpus[row] ?? 0;
  const limit = (label: string, value: number | null): Line[] =>
    value ? [{ label, tone: "muted", style: "dash", values: new Float64Array(length).fill(value) }] : [];
  const fill = (label: string, tone: string, values: Float64Array): Line => ({ label, tone, style: "fill", values });
  const line = (label: string, tone: string, values: Float64Array): Line => ({ label, tone, style: "line", values });
  const nodesSum = (name: string) =>
    added(
      places.map((place) => rowOf(nodes.columns[name], nodes.of.get(place.host), length)),
      length,
    );
  const charts: Chart[] = [];
  if (has("user")) {
    charts.push({
      title: "CPU",
      stacked: true,
      top: 100,
      format: percent,
      rules: ["cpuUtil", "cpuSys", "cpuWait"],
      lines: [
        fill("user", "cpu-user", mean("user", known)),
        fill("system", "cpu-system", mean("system", known)),
        fill("wait", "cpu-wait", mean("wait", known)),
      ],
    });
  }
  if (has("mem")) {
    const used = sum("mem");
    charts.push({
      title: "Memory",
      binary: true,
      format: memory,
      rules: ["memUtil"],
      lines: [
        fill("used", "mem", used),
        // What the scheduler counted on one node says nothing about the sum of several.
        ...(places.length === 1 && job.hosts.length === 1
          ? [
              {
                ...line("most", "mem", new Float64Array(length).fill(Math.max(job.memMax ?? 0, largest(used)))),
                style: "dash" as const,
              },
            ]
          : []),
        ...limit("request", job.memReq ? job.memReq * Math.max(1, places.length) : null),
      ],
    });
  }
  if (has("gpuUtil")) {
    charts.push({
      title: "GPU",
      top: 100,
      format: percent,
      rules: ["gpuUtil"],
      lines: [fill("busy", "gpu", mean("gpuUtil", gpus))],
    });
  }
  if (has("gpuMem"))
    charts.push({ title: "GPU memory", binary: true, format: memory, lines: [fill("used", "gpu", sum("gpuMem"))] });
  const note = host !== undefined && job.hosts.length > 1 ? "whole job" : "";
  if (has("fsRead") || has("fsWrite")) {
    charts.push({
      title: "Shared file systems",
      note,
      format: rate,
      lines: [line("read", "in", sum("fsRead", all)), line("written", "out", sum("fsWrite", all))],
    });
  }
  if (has("fsOps")) {
    charts.push({ title: "File operations", note, format: events, lines: [line("all", "in", sum("fsOps", all))] });
  }
  if (has("jobfs")) {
    charts.push({
      title: "Local scratch",
      format: disk,
      lines: [
        fill("used", "disk", sum("jobfs")),
        ...limit("request", job.jobfsReq ? job.jobfsReq * Math.max(1, places.length) : null),
      ],
    });
  }
  const network = [line("in", "in", nodesSum("netIn")), line("out", "out", nodesSum("netOut"))];
  if (network.some(({ values }) => Array.from(values).some(Number.isFinite))) {
    charts.push({
      title: places.length > 1 ? "Network of its nodes" : "Network of its node",
      note: "all jobs there",
      format: rate,
      lines: network,
    });
  }
  // A little swap is everywhere and harms nobody.
  const swap = nodesSum("swap");
  const swapTotal = places.reduce((sum, place) => sum + (swapOf(place.host) ?? 0), 0);
  if (largest(swap) > 0.05 * swapTotal) {
    charts.push({
      title: places.length > 1 ? "Swap of its nodes" : "Swap of its node",
      note: "all jobs there",
      binary: true,
      format: memory,
      rules: ["swapUse"],
      lines: [fill("used", "cpu-wait", swap), ...limit("all", swapTotal)],
    });
  }
  return charts;
}

function largest(values: Float64Array): number {
  let most = 0;
  for (const value of values) if (value > most) most = value;
  return most;
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
