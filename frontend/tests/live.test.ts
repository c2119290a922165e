import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { FileError, fetchFile, fetchFiles } from "../src/api/fetch";
import { type Live, refresh, tierFor, untilDue } from "../src/api/live";
import { pointChunk } from "../src/api/point";
import { siteOf, standard } from "../src/api/site";
import { advance, type Job, type Node } from "../src/api/snapshot";
import type { Latest } from "../src/api/types.gen";
import type { JobView } from "../src/efficiency/jobView";
import { filterJobs, sortJobs, stateCounts } from "../src/pages/live/jobList";
import { job, snapshot } from "./cluster";

const asked: string[] = [];
let answers: Record<string, string | number> = {};

beforeEach(() => {
  asked.length = 0;
  answers = {};
  vi.stubGlobal("fetch", async (address: string) => {
    const names = [...address.matchAll(/name=([^&]+)/g)].map((match) => match[1] as string);
    asked.push(names.join(" "));
    const given = names.map((name) => answers[name] ?? (names.length === 1 ? 404 : "null"));
    const status = given.find((answer) => typeof answer === "number") ?? 200;
    return new Response(status === 200 ? `${given.join("\n")}\n` : '{"detail": "no such file"}', {
      status: status as number,
    });
  });
});

afterEach(() => vi.unstubAllGlobals());

describe("asking for files", () => {
  it("asks for several in one request and keeps their order", async () => {
    answers = { a: '{"x":1}', c: "[1," };
    const got = await fetchFiles("api/", ["a", "b", "c"]);
    expect(asked).toEqual(["a b c"]);
    expect(got[0]).toEqual({ x: 1 });
    expect(got[1]).toBeNull();
    expect(got[2]).toBeInstanceOf(FileError);
  });

  it("asks for at most twenty at once", async () => {
    const names = Array.from({ length: 41 }, (_, i) => `n${i}`);
    expect(await fetchFiles("api/", names)).toHaveLength(41);
    expect(asked).toHaveLength(3);
  });

  it("says which file is missing and why", async () => {
    await expect(fetchFile("api/", "live/summary")).rejects.toThrow("live/summary: 404 no such file");
    expect(await fetchFiles("api/", ["alone"])).toEqual([null]);
  });
});

const latest = (timestamp: number, previous: number): Latest => ({
  format: 1,
  timestamp,
  previous,
  summary: { usage: { avail: 8, running: 2 } },
  jobsGone: ["1"],
  point: { jobRows: 1, nodeRows: 0, jobColumns: { user: { rows: null, values: [70] } }, nodeColumns: {} },
});

describe("keeping up", () => {
  const live: Live = { snapshot: snapshot(1000), chunks: [], problems: [] };

  it("goes on with the difference, and leaves what it had untouched", async () => {
    answers = { "live/latest": JSON.stringify(latest(1030, 1000)) };
    const next = await refresh(standard, live);
    expect(next.snapshot.timestamp).toBe(1030);
    expect([...next.snapshot.jobs.keys()]).toEqual(["2"]);
    expect(next.snapshot.usage.running).toBe(2);
    expect(next.chunks).toHaveLength(1);
    expect(live.snapshot.jobs.size).toBe(2);
  });

  it("takes over how much memory a job used at most", async () => {
    const grown = { ...latest(1030, 1000), memMax: { "2": 4096, gone: 1 } };
    answers = { "live/latest": JSON.stringify(grown) };
    const next = await refresh(standard, live);
    expect([...next.snapshot.jobs.values()].map((one) => one.memMax)).toEqual([4096]);
    expect(live.snapshot.jobs.get("2")?.memMax).toBeNull();
  });

  it("names the rows of the newest point by itself", async () => {
    answers = { "live/latest": JSON.stringify(latest(1030, 1000)) };
    const [point] = (await refresh(standard, live)).chunks;
    expect(point?.times).toEqual([1030]);
    expect(point?.jobs).toEqual(["2"]);
    expect(point?.jobRows).toEqual({
      job: [0],
      host: [0],
      cores: [4],
      gpus: [0],
      columns: { user: { rows: null, values: [70] } },
    });
  });

  it("sorts the rows by id and starts afresh when it counts others", () => {
    const before = snapshot(1000);
    before.jobs.set("10", job("10"));
    const one = { rows: null, values: [1, 2, 3] };
    const point = { jobRows: 3, nodeRows: 0, jobColumns: { user: one }, nodeColumns: {} };
    expect(pointChunk(before, point)?.jobs).toEqual(["1", "10", "2"]);
    expect(pointChunk(before, { ...point, jobRows: 2 })).toBeNull();
    expect(pointChunk(before, { ...point, nodeRows: 1 })).toBeNull();
  });

  it("tells a source that has failed since", async () => {
    const source = {
      name: "slurm",
      lastSuccess: 1,
      duration: 1,
      error: "no answer",
      errors: 1,
      records: 0,
      skipped: 0,
    };
    answers = { "live/latest": JSON.stringify({ ...latest(1000, 970), summary: { sources: [source] } }) };
    const next = await refresh(standard, live);
    expect(next.snapshot.sources).toEqual([source]);
    expect(next.snapshot.jobs.size).toBe(2);
  });

  it("changes nothing when there is nothing new", async () => {
    answers = { "live/latest": JSON.stringify(latest(1000, 970)) };
    expect(await refresh(standard, live)).toBe(live);
  });

  it("starts afresh when it missed one, or when the difference is broken", async () => {
    answers = { "live/latest": JSON.stringify(latest(1060, 1030)) };
    await expect(refresh(standard, live)).rejects.toThrow("live/summary: is not there yet");
    answers = { "live/latest": "{" };
    await expect(refresh(standard, live)).rejects.toThrow("live/summary: is not there yet");
  });

  it("takes over the nodes that changed, and all when nodes came or went", () => {
    const node = (name: string, up = true): Node => ({
      ...{ name, up, counted: true, cpus: 4, gpus: 0, memTotal: 1, swapTotal: 0 },
      ...{ state: "", reason: "", partitions: [], shard: 0 },
    });
    const table = (...names: string[]) => {
      const column = (value: unknown) => names.map(() => value);
      const numbers = {
        counted: column(1),
        cpus: column(4),
        gpus: column(0),
        memTotal: column(1),
        swapTotal: column(0),
      };
      const texts = { state: column(0), reason: column(0), partitions: column(0), shard: column(0) };
      return { strings: [""], nodes: { name: names, up: column(0), ...numbers, ...texts } };
    };
    const told = (rows: number, ...names: string[]): Latest => {
      const one = latest(1030, 1000);
      return { ...one, summary: table(...names), point: { ...one.point, nodeRows: rows } };
    };
    const before = { ...snapshot(1000), nodes: [node("n1"), node("n2")] };
    expect(advance(before, told(2, "n2")).nodes).toEqual([node("n1"), node("n2", false)]);
    expect(advance(before, told(1, "n3")).nodes).toEqual([node("n3", false)]);
    expect(advance(before, { ...told(2), summary: {} }).nodes).toBe(before.nodes);
  });

  it("keeps what a difference does not name", () => {
    const next = advance(snapshot(1000), { ...latest(1030, 1000), summary: {} });
    expect(next.cluster).toBe("c");
    expect(next.usage.avail).toBe(8);
  });

  it("asks when the next snapshot is due, and slowly when it is late", () => {
    const now = Date.now() / 1000;
    expect(untilDue(standard, snapshot(now), false)).toBeGreaterThan(30_000);
    expect(untilDue(standard, snapshot(now - 35), false)).toBe(2000);
    expect(untilDue(standard, snapshot(now - 1000), false)).toBe(15_000);
    expect(untilDue(standard, snapshot(now), true)).toBe(15_000);
  });

  it("takes the finest series that needs few files", () => {
    const now = snapshot(1_000_000);
    now.series.day.closed = Array.from({ length: 144 }, (_, i) => 999_600 - (143 - i) * 600);
    now.series.month.closed = [900_000];
    expect(tierFor(now, 1_000_000 - 7200)).toBe("day");
    expect(tierFor(now, 1_000_000 - 14_000)).toBe("day");
    expect(tierFor(now, 1_000_000 - 80_000)).toBe("month");
  });

  it("takes the finest series of a daemon that is young", () => {
    const now = snapshot(1_000_000);
    now.series.day = { step: 30, span: 600, closed: [998_400, 999_000], open: 999_600 };
    now.series.month = { step: 300, span: 6000, closed: [], open: 996_000 };
    now.series.year = { step: 3600, span: 86_400, closed: [], open: 950_400 };
    expect(tierFor(now, 1_000_000 - 28_800)).toBe("day");
  });
});

describe("a site's settings", () => {
  it("are taken over when they have the right type", () => {
    const site = siteOf({ pageTitle: "Ozzy", warnSwap: 50, address: 7, unknown: 1 });
    expect(site.pageTitle).toBe("Ozzy");
    expect(site.settings.warnSwap).toBe(50);
    expect(site.address).toBe("api/");
    expect(siteOf("nonsense")).toBe(standard);
  });
});

describe("the list of jobs", () => {
  const view = (id: string, more: Partial<Job> = {}, own: Partial<JobView> = {}): JobView => ({
    job: job(id, more),
    running: (more.state ?? "RUNNING") === "RUNNING",
    minutes: 10,
    cpu: 50,
    mem: Number.NaN,
    gpu: Number.NaN,
    hits: [],
    nodeHits: [],
    score: 0,
    mark: "ok",
    waste: new Map(),
    ...own,
  });
  const all = [
    view("10", { state: "PENDING", hosts: [] }),
    view("9", { partition: "gpu,cpu" }, { cpu: Number.NaN }),
    view("8", { user: "bob", name: "Fluid" }, { mark: "warn", score: 30, cpu: 5 }),
    view("7", { state: "NODE_FAIL" }),
    view("6", { hosts: [{ host: "gpu07", cores: 1, gpus: 1 }] }, { mark: "warn", score: 0, cpu: 70 }),
  ];
  const ids = (views: JobView[]) => views.map(({ job }) => job.id);

  it("is filtered by words, which are never patterns", () => {
    expect(ids(filterJobs(all, { q: "FLUID bob" }))).toEqual(["8"]);
    expect(ids(filterJobs(all, { q: "gpu0" }))).toEqual(["6"]);
    expect(ids(filterJobs(all, { q: "(.*" }))).toEqual([]);
    expect(ids(filterJobs(all, { partition: "gpu" }))).toEqual(["9"]);
    expect(ids(filterJobs(all, { state: "attention" }))).toEqual(["8", "6"]);
  });

  it("lists every state that occurs", () => {
    expect(stateCounts(all)).toEqual([
      ["attention", 2],
      ["RUNNING", 3],
      ["PENDING", 1],
      ["NODE_FAIL", 1],
    ]);
  });

  it("puts what needs attention first, and the unknown last", () => {
    expect(ids(sortJobs(all, "attention"))).toEqual(["8", "6", "9", "10", "7"]);
    expect(ids(sortJobs(all, "cpu")).at(-1)).toBe("9");
    expect(ids(sortJobs(all, "job"))).toEqual(["6", "7", "8", "9", "10"]);
    expect(ids(sortJobs(all, "constructor"))).toEqual(ids(sortJobs(all, "attention")));
  });
});
