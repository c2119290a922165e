// A job's use of the machine as one line over time, for the lists.
import { rowOf, type Window } from "../../lib/window";

/** Return percent of busy cores at each time over some rows of jobs, weighted by known cores. */
export function busyOf(window: Window, rows: readonly number[]): Float64Array {
  const { columns } = window.jobs;
  const length = window.times.length;
  const parts = rows.map((row) => ({
    known: rowOf(columns.known, row, length),
    user: rowOf(columns.user, row, length),
    system: rowOf(columns.system, row, length),
  }));
  return Float64Array.from(window.times, (_, t) => {
    let cores = 0;
    let busy = 0;
    for (const { known, user, system } of parts) {
      const n = known[t] as number;
      const percent = (user[t] as number) + (system[t] as number);
      if (!(n > 0) || Number.isNaN(percent)) continue;
      cores += n;
      busy += n * percent;
    }
    return cores > 0 ? busy / cores : Number.NaN;
  });
}

/** Return MiB used at each time over some rows of jobs together; NaN where none is known. */
export function memoryOf({ jobs, times }: Window, rows: readonly number[]): Float64Array {
  const parts = rows.map((row) => rowOf(jobs.columns.mem, row, times.length));
  return Float64Array.from(times, (_, t) => {
    let all = Number.NaN;
    for (const part of parts) {
      const value = part[t] as number;
      if (!Number.isNaN(value)) all = value + (Number.isNaN(all) ? 0 : all);
    }
    return all;
  });
}

/** Return percent of busy GPUs at each time over some rows of jobs, weighted by their GPUs. */
export function gpuOf({ jobs, times }: Window, rows: readonly number[]): Float64Array {
  const parts = rows
    .filter((row) => (jobs.gpus[row] ?? 0) > 0)
    .map((row) => ({ gpus: jobs.gpus[row] as number, util: rowOf(jobs.columns.gpuUtil, row, times.length) }));
  return Float64Array.from(times, (_, t) => {
    let gpus = 0;
    let busy = 0;
    for (const part of parts) {
      const value = part.util[t] as number;
      if (Number.isNaN(value)) continue;
      gpus += part.gpus;
      busy += part.gpus * value;
    }
    return gpus > 0 ? busy / gpus : Number.NaN;
  });
}
