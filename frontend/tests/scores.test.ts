import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { defaults } from "../src/lib/rules";
import { type Scores, score } from "../src/lib/scores";

const folder = new URL("../../tests/cases/scores/", import.meta.url);
const cases = readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isDirectory());

interface Row extends Record<string, unknown> {
  series: Record<string, (number | null)[] | undefined>;
}

// A series that is left out, and a null, is unknown.
function columns(rows: Row[], length: number): Record<string, Float64Array> {
  const names = new Set(rows.flatMap((row) => Object.keys(row.series)));
  return Object.fromEntries(
    [...names].map((name) => [
      name,
      Float64Array.from(rows.flatMap((row) => Array.from({ length }, (_, t) => row.series[name]?.[t] ?? Number.NaN))),
    ]),
  );
}

const number = (value: unknown): number => (typeof value === "number" ? value : Number.NaN);

interface Expected {
  jobs: unknown;
  nodes: unknown;
  warnedJobs: string[];
  badness: Record<string, number>;
  waste: Record<string, Record<string, number>>;
}

function scoresOf(name: string): { scores: Scores; expected: Expected } {
  const spec = JSON.parse(readFileSync(new URL(`${name}/case.json`, folder), "utf8"));
  const input = {
    times: spec.times,
    jobs: spec.rows.map((row: Row) => ({
      ...row,
      cores: number(row.cores),
      gpus: number(row.gpus),
      hostCpus: number(row.hostCpus),
      memReq: number(row.memReq),
      memMax: number(row.memMax),
      start: number(row.start),
    })),
    jobColumns: columns(spec.rows, spec.times.length),
    nodes: spec.nodes.map((row: Row) => ({ host: row.host, swapTotal: number(row.swapTotal) })),
    nodeColumns: columns(spec.nodes, spec.times.length),
  };
  return { scores: score(input, { ...defaults, ...spec.settings }, spec.now), expected: spec.expect };
}

function nested(scores: Scores) {
  const jobs: Record<string, Record<string, Record<string, number>>> = {};
  for (const [job, hits] of scores.jobs) {
    const hosts: Record<string, Record<string, number>> = {};
    for (const hit of hits) hosts[hit.host] = { ...hosts[hit.host], [hit.rule.id]: hit.score };
    jobs[job] = hosts;
  }
  const nodes: Record<string, Record<string, number>> = {};
  for (const [host, hits] of scores.nodes)
    nodes[host] = Object.fromEntries(hits.map((hit) => [hit.rule.id, hit.score]));
  return { jobs, nodes };
}

describe("recorded cases of the scores", () => {
  it("are found", () => expect(cases.length).toBeGreaterThan(10));

  it.each(cases.map((entry) => entry.name))("%s", (name) => {
    const { scores, expected } = scoresOf(name);
    const { jobs, nodes, warnedJobs, badness, waste } = expected;
    expect(nested(scores)).toEqual({ jobs, nodes });
    expect([...scores.warned].sort()).toEqual([...warnedJobs].sort());
    expect(Object.fromEntries(scores.badness)).toEqual(badness);
    expect([...scores.waste.keys()].sort()).toEqual(Object.keys(waste).sort());
    for (const [job, units] of Object.entries(waste)) {
      expect([...(scores.waste.get(job)?.keys() ?? [])].sort()).toEqual(Object.keys(units).sort());
      for (const [unit, amount] of Object.entries(units)) {
        expect(Math.abs((scores.waste.get(job)?.get(unit) ?? Number.NaN) - amount)).toBeLessThan(1e-9);
      }
    }
  });
});
