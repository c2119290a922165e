import { describe, expect, it } from "vitest";
import type { Chunk, ChunkColumn } from "../src/api/types.gen";
import { join, lastKnown, rowOf } from "../src/lib/window";

const NONE = Number.NaN;

function chunk(times: number[], jobs: [string, string][], columns: Record<string, ChunkColumn>): Chunk {
  const hosts = [...new Set(jobs.map(([, host]) => host))];
  const ids = [...new Set(jobs.map(([job]) => job))];
  return {
    format: 1,
    tier: "day",
    start: 0,
    span: 600,
    times,
    hosts,
    jobs: ids,
    jobRows: {
      job: jobs.map(([job]) => ids.indexOf(job)),
      host: jobs.map(([, host]) => hosts.indexOf(host)),
      cores: jobs.map(() => 4),
      gpus: jobs.map(() => 0),
      columns,
    },
    nodeRows: {
      host: hosts.map((_, i) => i),
      columns: { cores: { rows: null, values: hosts.flatMap(() => times.map((_, i) => (i ? 1 : 8))) } },
    },
  };
}

describe("chunks of series", () => {
  const first = chunk(
    [30, 60, 90],
    [
      ["1", "a"],
      ["2", "a"],
    ],
    {
      user: { rows: null, values: [50, null, 10, 5, 0, 0] },
      gpuUtil: { rows: [1], values: [7, 1, -8] },
    },
  );

  it("hold differences; null is unknown and changes nothing", () => {
    const { times, jobs } = join([first], 0, 1000);
    expect(times).toEqual([30, 60, 90]);
    expect([...(jobs.columns.user ?? [])]).toEqual([50, NONE, 60, 5, 5, 5]);
    expect([...(jobs.columns.gpuUtil ?? [])]).toEqual([NONE, NONE, NONE, 7, 8, 0]);
  });

  it("are joined by job and host, whatever their order in each", () => {
    const second = chunk(
      [120],
      [
        ["2", "a"],
        ["1", "b"],
        ["1", "a"],
      ],
      { user: { rows: null, values: [11, 22, 33] } },
    );
    const { times, jobs, nodes } = join([first, second], 0, 1000);
    expect(times).toEqual([30, 60, 90, 120]);
    const user = (row: number | undefined) => [...rowOf(jobs.columns.user, row, 4)];
    expect(jobs.of.get("1")?.map((row) => jobs.host[row])).toEqual(["a", "b"]);
    expect(user(jobs.of.get("1")?.[0])).toEqual([50, NONE, 60, 33]);
    expect(user(jobs.of.get("1")?.[1])).toEqual([NONE, NONE, NONE, 22]);
    expect(user(jobs.of.get("2")?.[0])).toEqual([5, 5, 5, 11]);
    expect([...rowOf(nodes.columns.cores, nodes.of.get("b"), 4)]).toEqual([NONE, NONE, NONE, 8]);
  });

  it("that overlap give each time once, and only the span asked for", () => {
    const again = chunk([90, 120], [["1", "a"]], { user: { rows: null, values: [99, 1] } });
    const { times, jobs } = join([first, again], 30, 1000);
    expect(times).toEqual([60, 90, 120]);
    expect([...rowOf(jobs.columns.user, jobs.of.get("1")?.[0], 3)]).toEqual([NONE, 60, 100]);
  });

  it("can be read for one job only", () => {
    const { jobs, nodes } = join([first], 0, 1000, { jobs: new Set(["2"]), hosts: new Set() });
    expect(jobs.job).toEqual(["2"]);
    expect(nodes.host).toEqual([]);
  });

  it("that are cut off leave the rest unknown", () => {
    const short = chunk([30, 60], [["1", "a"]], {
      user: { rows: null, values: [5] },
      wait: { rows: [7], values: [1, 2] },
    });
    const { jobs } = join([short], 0, 1000);
    expect([...(jobs.columns.user ?? [])]).toEqual([5, NONE]);
    expect([...(jobs.columns.wait ?? [])]).toEqual([NONE, NONE]);
  });

  it("give the last known value only when it is fresh", () => {
    expect(lastKnown(Float64Array.of(1, NONE, NONE))).toBe(1);
    expect(lastKnown(Float64Array.of(1, NONE, NONE, NONE, NONE))).toBe(NONE);
  });
});
