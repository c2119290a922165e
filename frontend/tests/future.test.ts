import { describe, expect, it } from "vitest";
import type { Job, Snapshot } from "../src/api/snapshot";
import { queryOf } from "../src/pages/live/finished/query";
import { askOf, decodeAsk, encodeAsk, standardAsk } from "../src/pages/live/future/ask";
import { gapsOf } from "../src/pages/live/future/BackfillCharts";
import { errorBins } from "../src/pages/live/future/PredictionChart";
import { queueOf, sortQueue, taskCount } from "../src/pages/live/future/queue";
import { explain } from "../src/pages/live/future/reasons";

const job = (id: string, changes: Partial<Job> = {}): Job => ({
  ...{ id, name: "", user: "ann", state: "PENDING", partition: "main", account: "", reason: "", dependency: "" },
  ...{ arrayTasks: "", cpus: 4, gpus: 0, nNodes: 1, timeLimit: 60, runTime: null, start: null, end: null, submit: 100 },
  ...{ priority: null, memReq: null, memMax: null, jobfsReq: null, exitCode: null, hosts: [] },
  ...changes,
});

const snapshot = (...jobs: Job[]) =>
  ({ timestamp: 1000, usage: { avail: 8, running: 0 }, jobs: new Map(jobs.map((one) => [one.id, one])) }) as Snapshot;

describe("the queue", () => {
  it("counts the tasks of arrays as schedulers write them", () => {
    const cases: [string, number][] = [
      ["", 1],
      ["7", 1],
      ["9-20%3", 12],
      ["1,3-7:2,10", 5],
      ["0-999", 1000],
      ["1-3,...", 3],
      ["<nonsense>", 1],
    ];
    for (const [text, count] of cases) expect([text, taskCount(text)]).toEqual([text, count]);
  });

  it("adds up core-hours, and leaves out what has no limit rather than calling it nothing", () => {
    const queue = queueOf(
      snapshot(job("1", { arrayTasks: "1-10" }), job("2", { timeLimit: null }), job("3", { user: "bob" })),
    );
    expect([queue.tasks, queue.coreHours, queue.unlimited, queue.machineHours]).toEqual([12, 44, 1, 5.5]);
    expect(queue.users).toEqual([
      { name: "ann", records: 2, tasks: 11, cores: 44, coreHours: 40, unlimited: 1 },
      { name: "bob", records: 1, tasks: 1, cores: 4, coreHours: 4, unlimited: 0 },
    ]);
  });

  it("ranks by priority, those alike alike", () => {
    const queue = queueOf(
      snapshot(job("1", { priority: 5 }), job("2", { priority: 9 }), job("3", { priority: 5 }), job("4")),
    );
    expect(queue.rows.map((row) => row.rank)).toEqual([2, 1, 2, null]);
  });

  it("is in the order of estimated starts, those without one by priority behind", () => {
    const rows = queueOf(
      snapshot(job("1"), job("2", { priority: 9 }), job("3", { start: 3000 }), job("4", { start: 2000 })),
    ).rows;
    expect(sortQueue(rows, undefined).map((row) => row.job.id)).toEqual(["4", "3", "2", "1"]);
    expect(sortQueue(rows, "constructor").map((row) => row.job.id)).toEqual(["4", "3", "2", "1"]);
    expect(sortQueue(rows, "job").map((row) => row.job.id)).toEqual(["1", "2", "3", "4"]);
  });
});

describe("a pending reason", () => {
  it("is told in words", () => {
    expect(explain("Resources").words).toContain("next in line");
    expect(explain("(Priority)").words).toContain("before it");
    expect(explain("ReqNodeNotAvail, UnavailableNodes:n[1-3]").advice).toContain("maintenance");
    expect(explain("QOSMaxCpuPerUserLimit").words).toContain("quality of service is reached (cores)");
    expect(explain("AssocGrpGRES").words).toContain("account or owner is reached (GPUs)");
    expect(explain("MaxJobsPerAccount").words).toContain("jobs");
    expect(explain("").words).toContain("not looked at it yet");
  });

  it("that nobody knows is said as it is", () => {
    expect(explain("Something<b>New</b>").words).toBe("The scheduler says: Something<b>New</b>.");
    expect(explain("constructor").words).toBe("The scheduler says: constructor.");
  });
});

describe("a request in the address", () => {
  it("comes back as it went", () => {
    const ask = { cores: 8, nodes: 2, memory: 16384, gpus: 1, walltime: 90, partition: "a.b" };
    expect(decodeAsk(encodeAsk(ask))).toEqual(ask);
  });

  it("that makes no sense is the standard one", () => {
    expect(decodeAsk(undefined)).toEqual(standardAsk);
    expect(decodeAsk("x.-1.1e9.0..")).toEqual({ ...standardAsk, gpus: 0 });
    expect(decodeAsk("0.0.0.0.0.")).toEqual({ ...standardAsk, cores: 1, nodes: 1, memory: 0, walltime: 0 });
  });

  it("is that of a waiting job, per node", () => {
    expect(askOf(job("1", { cpus: 10, nNodes: 4, gpus: 4, memReq: 100.5, timeLimit: null }))).toEqual({
      ...{ cores: 3, nodes: 4, memory: 101, gpus: 1, walltime: 0, partition: "main" },
    });
  });
});

describe("gaps and estimates", () => {
  it("without a bound are as long as the charts go", () => {
    const slots = {
      "16": { count: 1, tMin: null, tMax: null },
      "2": { count: 3, tMin: 60, tMax: null },
      "4": { count: 2, tMin: null, tMax: 500 },
    };
    expect(gapsOf(slots, 1000)).toEqual([
      { cores: 2, count: 3, shortest: 60, longest: 1000 },
      { cores: 4, count: 2, shortest: 500, longest: 500 },
      { cores: 16, count: 1, shortest: 1000, longest: 1000 },
    ]);
  });

  it("are sorted by how far off they were", () => {
    expect(errorBins([-7200, -700, -600, 0, 600, 601, 4000, 99999]).map((bin) => bin.jobs)).toEqual([1, 1, 3, 1, 1, 1]);
  });
});

describe("the choice of finished jobs", () => {
  it("is asked for in whole local days, and nonsense is not asked for", () => {
    const query = queryOf({ user: "ann", since: "2026-11-20", until: "2026-11-20", waste: "1", sort: "waste" });
    expect(Number(query.get("until")) - Number(query.get("since"))).toBe(86399);
    expect([query.get("user"), query.get("waste"), query.get("sort")]).toEqual(["ann", "true", "waste"]);
    expect([...queryOf({ since: "soon", sort: "job", waste: "0" }).keys()]).toEqual([]);
  });
});
