import { describe, expect, it } from "vitest";
import { FileError } from "../src/api/fetch";
import type { Live } from "../src/api/live";
import { standard } from "../src/api/site";
import type { Job } from "../src/api/snapshot";
import type { Chunk } from "../src/api/types.gen";
import { findings } from "../src/efficiency/findings";
import { jobAlone } from "../src/efficiency/judge";
import { hasRun } from "../src/pages/batch/jobs/jobView";
import { isSame, lookedUpAt, seenOf, unseen } from "../src/pages/batch/jobs/seen";
import { build } from "../src/pages/live/model";
import { job as liveJob, snapshot } from "./cluster";

const NOW = 1_000_000;
const times = Array.from({ length: 20 }, (_, i) => NOW - 570 + 30 * i);

/** The same values at all times, as a chunk writes them. */
const steady = (...rows: number[]) => ({
  rows: null,
  values: rows.flatMap((value) => times.map((_, t) => (t === 0 ? value : 0))),
});

const chunk = {
  ...{ format: 1, tier: "recent", start: NOW - 570, span: 1800, times },
  hosts: ["n1", "n2", "n3"],
  jobs: ["1", "2", "3"],
  jobRows: {
    ...{ job: [0, 1, 1, 2], host: [0, 0, 1, 2], cores: [4, 4, 4, 4], gpus: [0, 0, 0, 0] },
    columns: {
      known: steady(4, 4, 4, 4),
      user: steady(20, 95, 90, 99),
      system: steady(2, 1, 40, 0),
      mem: steady(9, 8, 7, 6),
    },
  },
  nodeRows: { host: [0, 1, 2], columns: { swap: steady(10, 7000, 0) } },
} as unknown as Chunk;

const places = (...hosts: string[]) => hosts.map((host) => ({ host, cores: 4, gpus: 0 }));
const node = (name: string) => ({
  ...{ name, up: true, counted: true, cpus: 8, gpus: 0, memTotal: 64_000, swapTotal: 8000 },
  ...{ state: "", reason: "", partitions: [], shard: 0 },
});

function cluster(...more: Job[]): Live {
  const jobs = [
    liveJob("1", { hosts: places("n1"), start: NOW - 7200, memReq: 32_000 }),
    liveJob("2", { hosts: places("n1", "n2"), start: NOW - 7200 }),
    liveJob("3", { hosts: places("n3"), start: NOW - 60 }),
    liveJob("4", { state: "PENDING", hosts: [] }),
    ...more,
  ];
  const taken = {
    ...snapshot(NOW),
    nodes: ["n1", "n2", "n3"].map(node),
    jobs: new Map(jobs.map((one) => [one.id, one])),
  };
  return { snapshot: taken, chunks: [chunk], problems: [] };
}

describe("a job judged alone", () => {
  const live = cluster();
  const all = build(live, standard);

  it.each(["1", "2", "3", "4"])("is judged as among all the others: %s", (id) => {
    expect(jobAlone(live, standard, id)?.view).toEqual(all.job.get(id));
  });

  it("has its own warnings, and those of its nodes", () => {
    const rules = (id: string) => findings(all.job.get(id) as never).map(({ rule }) => rule.id);
    expect(rules("1")).toEqual(["cpuUtil", "memUtil"]);
    expect(rules("2")).toContain("swapUse");
    expect(rules("3")).toEqual([]);
    expect(jobAlone(live, standard, "2")?.window.nodes.host).toEqual(["n1", "n2"]);
  });

  it("is none when the snapshot does not list it", () => {
    expect(jobAlone(live, standard, "99")).toBeNull();
  });
});

const KEY = "site-b5-1";
const batchJob = {
  ...{ status: "running", scheduler_id: "7", submit_key: KEY },
  ...{ created_at: NOW - 9000, started_at: NOW - 3600, finished_at: null as number | null },
};
const seenJob = (more: Partial<Job>) =>
  liveJob("7", { name: `jm-${KEY}`, submit: NOW - 8990, start: NOW - 3600, ...more });

describe("a job of batch on its nodes", () => {
  it("is known by its key, whatever its times", () => {
    expect(isSame(batchJob, seenJob({ submit: 5, start: 5 }))).toBe(true);
    expect(isSame(batchJob, seenJob({ name: "jm-site-b5-2" }))).toBe(false);
  });

  it("is known by its times where names are hidden", () => {
    const hidden = (submit: number | null, start: number | null, end: number | null) =>
      isSame({ ...batchJob, finished_at: NOW - 100 }, { name: "", submit, start, end });
    expect(hidden(NOW - 8990, NOW - 3600, NOW - 90)).toBe(true);
    expect(hidden(NOW - 8990, null, null)).toBe(true);
    expect(hidden(NOW - 90_000, NOW - 80_000, NOW - 70_000)).toBe(false); // the number was used before
    expect(hidden(NOW + 90_000, null, null)).toBe(false); // and again later
    expect(hidden(null, null, null)).toBe(false);
  });

  it("has something to show once it has begun", () => {
    expect(hasRun({ status: "running", started_at: 5 })).toBe(true);
    expect(hasRun({ status: "succeeded", started_at: 5 })).toBe(true);
    expect(hasRun({ status: "lost", started_at: null })).toBe(true);
    expect(hasRun({ status: "pending", started_at: null })).toBe(false);
    expect(hasRun({ status: "cancelled", started_at: null })).toBe(false);
  });

  const seen = (live: Live | undefined, error: Error | null = null, now = NOW + 5, job = batchJob) => {
    const found = seenOf(job, live, error, now, standard.maintenanceAge);
    return found.kind === "nothing" ? found.words : found.kind;
  };

  it("is running or ended, as both say", () => {
    expect(seen(cluster(seenJob({})))).toBe("running");
    expect(seen(cluster(seenJob({ state: "COMPLETING" })))).toBe("running");
    expect(seen(cluster(seenJob({ state: "TIMEOUT" })))).toBe("ended");
    expect(seen(cluster(), null, NOW, { ...batchJob, status: "lost" })).toBe("ended");
  });

  it("is said not to be known, and why", () => {
    expect(seen(cluster())).toContain("does not list the scheduler's job 7");
    expect(seen(cluster(seenJob({ name: "jm-other-b5-1" })))).toContain("does not list");
    expect(seen(cluster(), null, NOW, { ...batchJob, started_at: NOW - 20 })).toContain("just started");
    expect(seen(cluster(seenJob({ state: "PENDING" })))).toContain("just started");
    expect(seen(cluster(seenJob({})), null, NOW + 3000)).toContain("is 50 min old");
    expect(seen(undefined)).toContain("Reading");
  });

  it("is said not to be known where live answers nothing", () => {
    expect(seen(undefined, new FileError("live/summary", "is not there yet"))).toContain("not offered here");
    expect(seen(undefined, new FileError("live/summary", "404 Not Found"))).toContain("not offered here");
    expect(seen(undefined, new FileError("live/summary", "401 Sign in."))).toContain("Sign in");
    expect(seen(undefined, new FileError("live/summary", "500 damaged"))).toContain("500 damaged");
    // What was read before is shown on.
    expect(seen(cluster(seenJob({})), new FileError("live/latest", "500"))).toBe("running");
  });

  it("is looked up with each snapshot for a while after its end, then not again", () => {
    const ended = { finished_at: NOW + 0.6 };
    const at = (timestamp: number) => lookedUpAt(ended, { timestamp, interval: 30 });
    expect([at(NOW), at(NOW + 30), at(NOW + 900), at(NOW + 90_000)]).toEqual([NOW, NOW + 30, NOW + 301, NOW + 301]);
    expect(unseen(ended, { timestamp: NOW + 60, interval: 30 })).toContain("not seen yet");
    expect(unseen(ended, { timestamp: NOW + 900, interval: 30 })).toContain("not known");
    expect(lookedUpAt({ finished_at: null }, { timestamp: NOW, interval: 30 })).toBe(NOW);
  });
});
