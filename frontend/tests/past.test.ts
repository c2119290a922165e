import { describe, expect, it } from "vitest";
import { livePast } from "../src/api/past";
import type { Snapshot } from "../src/api/snapshot";
import { thinnedLive } from "../src/api/thinned";
import type { Chunk, Facts, Usage } from "../src/api/types.gen";
import { compare } from "../src/pages/live/past/compare";
import { placeOf, stripOf, ticksOf, timeAt } from "../src/pages/live/past/strip";

const tier = { step: 30, span: 600, open: 0, closed: [] };
const present: Snapshot = {
  ...{ timestamp: 100_000, previous: null, interval: 30, cluster: "c", version: "1", usage: { avail: 8, running: 0 } },
  ...{ nodes: [], jobs: new Map(), partitions: [], reservations: [], sources: [] },
  cycle: { sources: 0, collect: 0, publish: null, bytes: null, late: 0 },
  series: { day: tier, month: { ...tier, step: 300, span: 7200 }, year: { ...tier, step: 3600, span: 86400 } },
};

const node = {
  ...{ up: true, mem: { used: 1, total: 1000 }, swap: null, infiniband: null, lustre: null, jobfs: null },
  ...{ isCounted: true, nCpus: 4, nGpus: 1, gpus: { gpu0: { util: 50, memory: { used: 1, total: 2 } } } },
  cpu: { total: [10, 0, 0, 0, 90], core: [[10, 5, 1, 2, 82], null] },
};
const job = {
  ...{ name: "a", username: "ann", state: "RUNNING", nCpus: 2, nGpus: 0, layout: { n1: [0, 1] }, gpuLayout: {} },
  ...{
    timeLimit: null,
    runTime: 5,
    startTime: 40_000,
    mem: {},
    memMax: 0,
    memReq: 0,
    lustre: {},
    jobfs: {},
    jobfsReq: null,
  },
};
const stored = (jobs: object, nodes: object = { n10: node, n2: node, n1: node }) => ({
  ...{ api: 15, timestamp: 50_000, usage: { avail: 12, running: 2, users: { ann: 2 } }, nodes, jobs },
});

describe("a stored snapshot", () => {
  it("becomes what the lists read, with that instant's records", () => {
    const live = livePast(stored({ "7": job }), present, { chunks: [], problems: [] });
    expect(live.snapshot.timestamp).toBe(50_000);
    expect(live.snapshot.nodes.map((one) => one.name)).toEqual(["n1", "n2", "n10"]);
    expect(live.snapshot.jobs.get("7")).toMatchObject({
      user: "ann",
      cpus: 2,
      memReq: null,
      memMax: null,
      start: 40_000,
    });
    expect(live.snapshot.jobs.get("7")?.hosts).toEqual([{ host: "n1", cores: 2, gpus: 0 }]);
  });

  it("tells the cores of a host, unknown ones too", () => {
    const live = livePast(stored({ "7": job }), present, { chunks: [], problems: [] });
    const cores = live.cores?.("n1").nodes.n1;
    expect(cores?.cores).toEqual([[15, 1, 2], null]);
    expect(cores?.jobs).toEqual({ "7": ["0,1", ""] });
    expect(cores?.gpus).toEqual([{ util: 50, memUsed: 1, memTotal: 2 }]);
    expect(live.cores?.("gone").nodes).toEqual({});
  });

  it("of another kind is refused", () => {
    for (const wrong of [null, 3, {}, { api: 14 }, { api: 15, nodes: {}, jobs: null }]) {
      expect(() => livePast(wrong, present, { chunks: [], problems: [] })).toThrow("is not of API 15");
    }
  });
});

describe("two instants", () => {
  const at = (timestamp: number, jobs: object, up = true) => {
    const { snapshot } = livePast(stored(jobs, { n1: { ...node, up } }), present, { chunks: [], problems: [] });
    return { ...snapshot, timestamp };
  };

  it("are compared from the earlier to the later, in whatever order they come", () => {
    const a = at(1000, { "1": job, "2": { ...job, username: "bob" } });
    const b = at(2000, { "1": job, "2": { ...job, username: "bob", state: "FAILED" }, "3": job }, false);
    for (const result of [compare(a, b), compare(b, a)]) {
      expect([result.from, result.to, result.stayed]).toEqual([1000, 2000, 1]);
      expect(result.started.map((one) => one.id)).toEqual(["3"]);
      expect(result.ended).toMatchObject([{ id: "2", state: "FAILED" }]);
      expect(result.users).toEqual([
        { name: "ann", before: 2, after: 4 },
        { name: "bob", before: 2, after: 0 },
      ]);
      expect([result.gone, result.back]).toEqual([["n1"], []]);
    }
  });
});

describe("the strip", () => {
  const usage: Usage = {
    ...{ format: 1, tier: "day", step: 300, times: [600, 900, 1500], avail: [10, 10, 10], running: [4, 6, 12] },
    users: { ann: [4, 0, 2] },
  };

  it("has a bar for each bin and a gap for a missing one", () => {
    const strip = stripOf(usage, 1700);
    expect(strip.bars.map((bar) => [bar.time, bar.used, bar.rest])).toEqual([
      [600, 4, 6],
      [900, 6, 4],
      [1500, 12, 0],
    ]);
    expect(strip.top).toBe(12);
  });

  it("is one user's when a user is chosen, all zero for a stranger", () => {
    expect(stripOf(usage, 1700, "ann").bars.map((bar) => bar.used)).toEqual([4, 0, 2]);
    expect(stripOf(usage, 1700, "nobody").bars.map((bar) => bar.used)).toEqual([0, 0, 0]);
  });

  it("knows places and times", () => {
    const strip = stripOf(usage, 1700);
    expect(timeAt(strip, placeOf(strip, 1000))).toBe(1000);
    expect(timeAt(strip, -3)).toBe(strip.from);
    expect(timeAt(strip, 7)).toBe(strip.to);
    const day = { from: 0, to: 86400, step: 300, bars: [], top: 1 };
    expect(ticksOf(day, 12).length).toBeLessThanOrEqual(13);
    expect(ticksOf({ ...day, to: 366 * 86400 }, 12).length).toBeLessThanOrEqual(13);
  });
});

describe("an instant of which only means are left", () => {
  const values = (...numbers: (number | null)[]) => ({ rows: null, values: numbers });
  const chunk: Chunk = {
    ...{ format: 1, tier: "month", start: 0, span: 7200, times: [300, 600], hosts: ["n1"], jobs: ["1", "2"] },
    jobRows: { job: [0, 1], host: [0, 0], cores: [2, 1], gpus: [0, 0], columns: { known: values(2, 0, 1, null) } },
    nodeRows: { host: [0], columns: { user: values(10, 5) } },
  };
  const facts: Facts = {
    ...{ format: 1, tier: "month", start: 0, span: 7200, timestamp: 600, strings: ["ann", "a", ""] },
    nodes: {
      ...{ name: ["n1"], counted: [1], cpus: [4], gpus: [0], memTotal: [100], swapTotal: [null], partitions: [2] },
    },
    jobs: {
      ...{ id: ["1"], name: [1], user: [0], partition: [2], account: [2], arrayTasks: [2], cpus: [2], gpus: [0] },
      ...{
        nNodes: [1],
        timeLimit: [60],
        start: [10],
        end: [null],
        submit: [5],
        memReq: [50],
        memMax: [20],
        jobfsReq: [null],
      },
    },
  };

  it("has the jobs that ran then, under their users' names", () => {
    const live = thinnedLive(chunk, facts, present, "month", 700);
    expect(live?.snapshot.timestamp).toBe(600);
    expect([...(live?.snapshot.jobs.keys() ?? [])]).toEqual(["1"]);
    expect(live?.snapshot.jobs.get("1")).toMatchObject({
      user: "ann",
      name: "a",
      cpus: 2,
      memReq: 50,
      state: "RUNNING",
    });
    expect(live?.snapshot.usage).toEqual({ avail: 4, running: 2 });
    const earlier = thinnedLive(chunk, facts, present, "month", 400);
    expect([...(earlier?.snapshot.jobs.keys() ?? [])]).toEqual(["1", "2"]);
    expect(earlier?.snapshot.jobs.get("2")).toMatchObject({ user: "unknown", cpus: 1 });
  });

  it("can do without facts, and without any point there is none", () => {
    expect(thinnedLive(chunk, null, present, "month", 700)?.snapshot.jobs.get("1")?.cpus).toBe(2);
    expect(thinnedLive({ ...chunk, times: [] }, facts, present, "month", 700)).toBeNull();
  });
});
