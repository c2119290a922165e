// Chunks of series, joined into one table per metric over a span of time.
import type { Chunk, ChunkColumn } from "../api/types.gen";

/** Rows × times, row after row; NaN is unknown. */
export type Table = Float64Array;

export interface JobRows {
  job: string[];
  host: string[];
  /** Cores and GPUs of the job on the host, per row. */
  cores: number[];
  gpus: number[];
  columns: Record<string, Table>;
  /** Rows of each job. */
  of: Map<string, number[]>;
}

export interface NodeRows {
  host: string[];
  columns: Record<string, Table>;
  of: Map<string, number>;
}

export interface Window {
  /** Epoch seconds, ascending. */
  times: number[];
  jobs: JobRows;
  nodes: NodeRows;
}

/** Take only some jobs' or hosts' rows, or some columns, from chunks; absent means all. */
export interface Pick {
  columns?: ReadonlySet<string>;
  jobs?: ReadonlySet<string>;
  hosts?: ReadonlySet<string>;
}

/** Join chunks, given in order of time, over from < t <= to; a time that comes twice is taken once. */
export function join(chunks: readonly Chunk[], from: number, to: number, pick: Pick = {}): Window {
  const times: number[] = [];
  const jobs: JobRows = { job: [], host: [], cores: [], gpus: [], columns: {}, of: new Map() };
  const nodes: NodeRows = { host: [], columns: {}, of: new Map() };
  const placed = chunks.map((chunk) => ({
    chunk,
    at: placeTimes(chunk.times, times, from, to),
    jobRows: placeJobs(chunk, jobs, pick),
    nodeRows: placeNodes(chunk, nodes, pick),
  }));
  for (const { chunk, at, jobRows, nodeRows } of placed) {
    pour(chunk.jobRows.columns, jobRows, at, jobs.columns, jobs.job.length, times.length, pick.columns);
    pour(chunk.nodeRows.columns, nodeRows, at, nodes.columns, nodes.host.length, times.length, pick.columns);
  }
  return { times, jobs, nodes };
}

/** Return one row of a table, all unknown when the metric or the row is missing. */
export function rowOf(table: Table | undefined, row: number | undefined, length: number): Float64Array {
  if (table === undefined || row === undefined) return new Float64Array(length).fill(Number.NaN);
  return table.subarray(row * length, (row + 1) * length);
}

/** Return the last known value of a row within `back` points from the end, NaN when there is none. */
export function lastKnown(values: Float64Array, back = 4): number {
  for (let i = values.length - 1; i >= 0 && i >= values.length - back; i--) {
    const value = values[i] as number;
    if (!Number.isNaN(value)) return value;
  }
  return Number.NaN;
}

function placeTimes(own: readonly number[], all: number[], from: number, to: number): Int32Array {
  const at = new Int32Array(own.length).fill(-1);
  for (let i = 0; i < own.length; i++) {
    const time = own[i] as number;
    if (time <= from || time > to) continue;
    const last = all[all.length - 1];
    if (last !== undefined && time <= last) continue;
    at[i] = all.length;
    all.push(time);
  }
  return at;
}

function placeJobs(chunk: Chunk, all: JobRows, pick: Pick): Int32Array {
  const { job, host, cores, gpus } = chunk.jobRows;
  const rows = new Int32Array(job.length).fill(-1);
  for (let i = 0; i < job.length; i++) {
    const id = chunk.jobs[job[i] as number];
    const name = chunk.hosts[host[i] as number];
    if (id === undefined || name === undefined) continue;
    if (pick.jobs && !pick.jobs.has(id)) continue;
    const known = all.of.get(id);
    let row = known?.find((candidate) => all.host[candidate] === name);
    if (row === undefined) {
      row = all.job.length;
      all.job.push(id);
      all.host.push(name);
      if (known) known.push(row);
      else all.of.set(id, [row]);
    }
    all.cores[row] = cores[i] ?? 0;
    all.gpus[row] = gpus[i] ?? 0;
    rows[i] = row;
  }
  return rows;
}

function placeNodes(chunk: Chunk, all: NodeRows, pick: Pick): Int32Array {
  const { host } = chunk.nodeRows;
  const rows = new Int32Array(host.length).fill(-1);
  for (let i = 0; i < host.length; i++) {
    const name = chunk.hosts[host[i] as number];
    if (name === undefined || (pick.hosts && !pick.hosts.has(name))) continue;
    let row = all.of.get(name);
    if (row === undefined) {
      row = all.host.length;
      all.host.push(name);
      all.of.set(name, row);
    }
    rows[i] = row;
  }
  return rows;
}

function pour(
  columns: Readonly<Record<string, ChunkColumn | undefined>>,
  rows: Int32Array,
  at: Int32Array,
  into: Record<string, Table>,
  rowCount: number,
  timeCount: number,
  wanted: ReadonlySet<string> | undefined,
): void {
  for (const [name, column] of Object.entries(columns)) {
    if (column === undefined || wanted?.has(name) === false) continue;
    let table = into[name];
    if (table === undefined) {
      table = new Float64Array(rowCount * timeCount).fill(Number.NaN);
      into[name] = table;
    }
    const own = column.rows;
    const count = own === null ? rows.length : own.length;
    for (let k = 0; k < count; k++) {
      const row = rows[own === null ? k : (own[k] as number)] ?? -1;
      if (row < 0) continue;
      let sum = 0;
      for (let i = 0; i < at.length; i++) {
        const step = column.values[k * at.length + i];
        if (step === null || step === undefined) continue;
        sum += step;
        const time = at[i] as number;
        if (time >= 0) table[row * timeCount + time] = sum;
      }
    }
  }
}
