// The efficiency scores: which rules hold for which job and node over the last minutes, and what that wasted.
// The daemon's twin is backend/jobmon/live/scores.py; tests/cases/scores holds both to the same answers.
import { at, constant, type Expression, evaluate, perPoint, perRow, type Value } from "./formula";
import { rules as allRules, type Rule, type Settings } from "./rules";

/** Rows × times, row after row; NaN is unknown, undefined is unknown throughout. */
type Column = Float64Array | undefined;

export interface JobRow {
  job: string;
  user: string;
  host: string;
  cores: number;
  gpus: number;
  /** Cores of the host; MiB per node; MiB; epoch seconds. NaN when not known. */
  hostCpus: number;
  memReq: number;
  memMax: number;
  start: number;
}

export interface NodeRow {
  host: string;
  /** MiB, NaN when not known. */
  swapTotal: number;
}

export interface Input {
  times: readonly number[];
  jobs: readonly JobRow[];
  jobColumns: Readonly<Record<string, Column>>;
  nodes: readonly NodeRow[];
  nodeColumns: Readonly<Record<string, Column>>;
}

export interface Hit {
  rule: Rule;
  host: string;
  score: number;
  /** Snapshots at which the rule fired, of how many. */
  fired: number;
  of: number;
  /** Mean of what was observed while it fired, in the rule's observedUnit. */
  observed: number;
  /** Amount lost over the window in the unit of the rule's waste; 0 when it wastes nothing. */
  wasted: number;
}

export interface Scores {
  /** Hits of each job with a rule that holds, hosts in the order of the rows. */
  jobs: Map<string, Hit[]>;
  nodes: Map<string, Hit[]>;
  warned: Set<string>;
  /** Every user who has a row. */
  badness: Map<string, number>;
  /** Job → unit → amount over the window. */
  waste: Map<string, Map<string, number>>;
  /** Snapshots in the window. */
  points: number;
}

/** Score all rows at `now`, epoch seconds. */
export function score(input: Input, settings: Settings, now: number, rules: readonly Rule[] = allRules): Scores {
  const first = input.times.findIndex((time) => now - time < settings.warningWindow);
  const after = input.times.findIndex((time) => time > now);
  const end = after < 0 ? input.times.length : after;
  const span: Span = { first: first < 0 ? end : Math.min(first, end), end, all: input.times.length };
  const points = span.end - span.first;
  const window: WindowOf = {
    times: input.times.slice(span.first, span.end),
    least: Math.floor(settings.warningFraction * points),
  };
  const settled = (start: number, time: number): boolean => start > 0 && time - start > settings.graceTime * 60;
  const constants = Object.fromEntries(Object.entries(settings).map(([name, value]) => [name, constant(value)]));

  const jobs = new Map<string, Hit[]>();
  const waste = new Map<string, Map<string, number>>();
  const jobValues = { ...constants, ...jobVariables(input, span) };
  const counts = new Uint8Array(input.jobs.length * points);
  const grace = settings.graceTime * 60;
  input.jobs.forEach(({ start }, r) => {
    if (!(start > 0)) return;
    for (let t = 0; t < points; t++) if ((window.times[t] as number) - start > grace) counts[r * points + t] = 1;
  });
  for (const rule of rules.filter((candidate) => candidate.of === "job")) {
    for (const { row, hit } of judge(rule, input.jobs.length, jobValues, window, counts)) {
      const { job, host } = input.jobs[row] as JobRow;
      push(jobs, job, { ...hit, host });
      if (rule.waste) add(waste, job, rule.waste.unit, hit.wasted);
    }
  }
  const nodes = new Map<string, Hit[]>();
  const nodeValues = { ...constants, ...nodeVariables(input, span) };
  for (const rule of rules.filter((candidate) => candidate.of === "node")) {
    for (const { row, hit } of judge(rule, input.nodes.length, nodeValues, window, null)) {
      const { host } = input.nodes[row] as NodeRow;
      push(nodes, host, { ...hit, host });
    }
  }

  const warned = new Set<string>(jobs.keys());
  const badness = new Map<string, number>();
  const charged = new Set<string>();
  for (const row of input.jobs) {
    badness.set(row.user, badness.get(row.user) ?? 0);
    const hits = nodes.get(row.host);
    if (hits === undefined || !settled(row.start, now)) continue;
    warned.add(row.job);
    const key = `${row.user}\n${row.host}`;
    if (charged.has(key)) continue;
    charged.add(key);
    badness.set(row.user, (badness.get(row.user) ?? 0) + total(hits));
  }
  const userOf = new Map(input.jobs.map((row) => [row.job, row.user]));
  for (const [job, hits] of jobs) {
    const user = userOf.get(job) as string;
    badness.set(user, (badness.get(user) ?? 0) + total(hits));
  }
  return { jobs, nodes, warned, badness, waste, points };
}

/** Add the scores of hits. */
export function total(hits: readonly Hit[] | undefined): number {
  return hits?.reduce((sum, hit) => sum + hit.score, 0) ?? 0;
}

/** Points of a window within all times. */
export interface Span {
  first: number;
  end: number;
  all: number;
}

interface WindowOf {
  times: number[];
  /** A rule holds when it fired more often than this. */
  least: number;
}

/** Find the rows for which a rule holds; `counts` says which points may count, null that all may. */
function judge(
  rule: Rule,
  rows: number,
  variables: Readonly<Record<string, Value>>,
  window: WindowOf,
  counts: Uint8Array | null,
): { row: number; hit: Omit<Hit, "host"> }[] {
  const points = window.times.length;
  if (points === 0) return [];
  const when = evaluate(rule.when, variables, { rows, points });
  const { fires, times } = firesOf(when, rows, points, counts);
  // Most rows are out already here: the other formulas are evaluated for the few that are left.
  const left: number[] = [];
  for (let row = 0; row < rows; row++) if ((times[row] as number) > window.least) left.push(row);
  if (left.length === 0) return [];
  const size = { rows: left.length, points };
  const formulas = [rule.score, rule.observed, rule.waste?.formula ?? 0];
  const some = pick(variables, formulas, left, points);
  const [scores, observed, lost] = formulas.map((formula) => evaluate(formula, some, size)) as [Value, Value, Value];
  const steps = stepsOf(window.times);
  const found: { row: number; hit: Omit<Hit, "host"> }[] = [];
  left.forEach((row, k) => {
    let fired = 0;
    let sum = 0;
    let seen = 0;
    let wasted = 0;
    for (let t = 0; t < points; t++) {
      const value = at(scores, k, t);
      if (!(value > 0) || !Number.isFinite(value) || fires[row * points + t] === 0) continue;
      fired++;
      sum += value;
      seen += at(observed, k, t);
      const rate = at(lost, k, t);
      if (Number.isFinite(rate)) wasted += (rate * (steps[t] as number)) / 3600;
    }
    const mean = Math.floor(sum / points);
    if (fired <= window.least || mean <= 0) return;
    found.push({ row, hit: { rule, score: mean, fired, of: points, observed: seen / fired, wasted } });
  });
  return found;
}

/** Mark the points at which a condition is true and may count; a loop without calls, for it runs before anything is warm. */
function firesOf(
  { data, byRow, byPoint }: Value,
  rows: number,
  points: number,
  counts: Uint8Array | null,
): { fires: Uint8Array; times: Int32Array } {
  const fires = new Uint8Array(rows * points);
  const times = new Int32Array(rows);
  for (let row = 0; row < rows; row++) {
    let count = 0;
    for (let t = 0; t < points; t++) {
      const value = data[row * byRow + t * byPoint] as number;
      // biome-ignore lint/suspicious/noSelfCompare: it is unknown when it is not itself
      if (value === 0 || value !== value || (counts !== null && counts[row * points + t] === 0)) continue;
      fires[row * points + t] = 1;
      count++;
    }
    times[row] = count;
  }
  return { fires, times };
}

/** Return the variables that formulas name, for some rows only. */
function pick(
  variables: Readonly<Record<string, Value>>,
  formulas: readonly Expression[],
  rows: readonly number[],
  points: number,
): Record<string, Value> {
  const names = new Set((formulas.flat(20) as (string | number)[]).filter((part) => Object.hasOwn(variables, part)));
  const some: Record<string, Value> = {};
  for (const name of names) {
    const value = variables[name] as Value;
    if (value.byPoint) {
      const data = new Float64Array(rows.length * points);
      rows.forEach((row, k) => {
        data.set(value.data.subarray(row * points, (row + 1) * points), k * points);
      });
      some[name] = perPoint(data, points);
    } else {
      some[name] = value.byRow ? perRow(Float64Array.from(rows, (row) => value.data[row] as number)) : value;
    }
  }
  return some;
}

/** Return the variables that formulas of jobs name, one row per job and host. */
export function jobVariables({ jobs, jobColumns, times }: Input, span: Span): Record<string, Value> {
  const points = span.end - span.first;
  const column = (name: string): Value => perPoint(cut(jobColumns[name], jobs.length, span), points);
  const fixed = (of: (row: JobRow) => number): Value => perRow(Float64Array.from(jobs, of));
  const largest = largestMemory(jobs, jobColumns.mem, times.length, span.end);
  const [user, system] = [column("user"), column("system")];
  return {
    known: column("known"),
    user,
    system,
    wait: column("wait"),
    gpuUtil: column("gpuUtil"),
    busy: evaluate(["+", "user", "system"], { user, system }, { rows: jobs.length, points }),
    cores: fixed((row) => row.cores),
    gpus: fixed((row) => row.gpus),
    hostCpus: fixed((row) => row.hostCpus),
    memReq: fixed((row) => row.memReq),
    memMax: fixed((row) => largest.get(row.job) ?? Number.NaN),
    full: fixed((row) => (Number.isNaN(row.hostCpus) ? Number.NaN : row.cores >= row.hostCpus ? 1 : 0)),
  };
}

/** Return the variables that formulas of nodes name. */
export function nodeVariables({ nodes, nodeColumns }: Input, span: Span): Record<string, Value> {
  return {
    swapUsed: perPoint(cut(nodeColumns.swap, nodes.length, span), span.end - span.first),
    swapTotal: perRow(Float64Array.from(nodes, (row) => row.swapTotal)),
  };
}

/** Job → the most memory it is known to have used on one node, from the summary or as seen until now. */
function largestMemory(jobs: readonly JobRow[], mem: Column, times: number, end: number): Map<string, number> {
  const largest = new Map<string, number>();
  jobs.forEach((row, r) => {
    let most = Math.max(largest.get(row.job) ?? 0, Number.isNaN(row.memMax) ? 0 : row.memMax);
    if (mem)
      for (let t = 0; t < end; t++) if ((mem[r * times + t] as number) > most) most = mem[r * times + t] as number;
    if (most > 0) largest.set(row.job, most);
  });
  return largest;
}

function cut(column: Column, rows: number, span: Span): Float64Array {
  const points = span.end - span.first;
  const out = new Float64Array(rows * points);
  if (column === undefined) return out.fill(Number.NaN);
  for (let row = 0; row < rows; row++) {
    out.set(column.subarray(row * span.all + span.first, row * span.all + span.end), row * points);
  }
  return out;
}

/** Seconds that each snapshot stands for: the time since the one before; for the first one the median of these. */
function stepsOf(times: readonly number[]): number[] {
  const steps = times.slice(1).map((time, i) => time - (times[i] as number));
  const sorted = [...steps].sort((a, b) => a - b);
  const half = sorted.length >> 1;
  const median = sorted.length % 2 ? (sorted[half] as number) : ((sorted[half - 1] ?? 0) + (sorted[half] ?? 0)) / 2;
  return [median, ...steps];
}

function push<Key, Item>(map: Map<Key, Item[]>, key: Key, item: Item): void {
  const list = map.get(key);
  if (list) list.push(item);
  else map.set(key, [item]);
}

function add(map: Map<string, Map<string, number>>, job: string, unit: string, amount: number): void {
  const units = map.get(job) ?? new Map<string, number>();
  units.set(unit, (units.get(unit) ?? 0) + amount);
  map.set(job, units);
}
