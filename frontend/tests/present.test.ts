import { describe, expect, it } from "vitest";
import { prepare } from "../src/charts/prepare";
import type { JobView } from "../src/efficiency/jobView";
import { heldSpans, joined } from "../src/lib/fires";
import { lasted } from "../src/lib/format";
import { stepsOf } from "../src/lib/gaps";
import { defaults, type Rule, rules } from "../src/lib/rules";
import type { Input } from "../src/lib/scores";
import { glossary, infix, namesIn } from "../src/lib/words";
import { filterJobs, statesOf } from "../src/pages/live/jobList";
import type { UserView } from "../src/pages/live/model";
import { arc, slicesOf } from "../src/pages/live/ring";

const rule = (id: string): Rule => rules.find((one) => one.id === id) as Rule;

describe("gaps", () => {
  it("are steps far longer than usual", () => {
    expect(stepsOf([0, 30, 60, 300, 330]).gap).toEqual([false, false, false, true, false]);
  });

  it("are not where another rhythm was", () => {
    expect(stepsOf([0, 600, 1200, 1800, 2400, 2430, 2460, 2490, 2520, 2550]).gap).not.toContain(true);
  });

  it("are none between few points", () => {
    expect(stepsOf([]).gap).toEqual([]);
    expect(stepsOf([5])).toEqual({ usual: 0, gap: [false] });
  });

  it("open a line", () => {
    const line = { label: "a", tone: "mem", style: "line" as const, values: [1, 2, 3, 4, 5] };
    expect(prepare([0, 30, 60, 300, 330], [line], false).drawn[0]).toEqual([1, 2, 3, null, 4, 5]);
  });
});

describe("the times at which a rule fired", () => {
  it("are joined, and end at a gap", () => {
    expect(joined([0, 30, 60, 90, 400, 430], [false, true, true, false, true, true])).toEqual([
      [0, 60],
      [370, 430],
    ]);
  });

  const input = (busy: number[], start: number): Input => {
    const times = busy.map((_, i) => 1000 + 30 * i);
    const row = { job: "1", user: "ann", host: "n1", cores: 4, gpus: 0, hostCpus: 8, memReq: 1000, memMax: 900, start };
    const column = (value: number) => new Float64Array(busy.length).fill(value);
    const columns = { known: column(4), user: Float64Array.from(busy), system: column(0), wait: column(0) };
    return { times, jobs: [row], jobColumns: columns, nodes: [], nodeColumns: {} };
  };

  it("are those at which the formula is true and something is known", () => {
    const busy = [95, 20, 20, Number.NaN, 20, 95];
    expect(heldSpans(rule("cpuUtil"), input(busy, 1), defaults)).toEqual([
      [1000, 1060],
      [1090, 1120],
    ]);
  });

  it("leave a job's first minutes alone", () => {
    expect(heldSpans(rule("cpuUtil"), input([20, 20, 20], 1000), defaults)).toEqual([]);
  });

  it("are none for a node's rule without nodes", () => {
    expect(heldSpans(rule("swapUse"), input([20], 1), defaults)).toEqual([]);
  });
});

describe("how long something lasted", () => {
  it.each([
    [40, "40 s"],
    [720, "12 min"],
    [3600, "1 h"],
    [6000, "1 h 40 min"],
    [183_600, "2 d 3 h"],
    [null, "–"],
  ])("%s s is %s", (seconds, words) => expect(lasted(seconds)).toBe(words));
});

describe("formulas in words", () => {
  it("have the operators between, and brackets only where they matter", () => {
    expect(infix(rule("cpuUtil").when)).toBe("busy < warnUtil and not (cores < 2 and gpus > 0)");
    expect(infix(["-", "a", ["-", "b", "c"]])).toBe("a − (b − c)");
    expect(infix(["*", ["+", "a", 1], "b"])).toBe("(a + 1) × b");
    expect(infix(["/", ["*", 100, "a"], ["*", "b", "c"]])).toBe("100 × a ÷ (b × c)");
    expect(infix(["max", 0, ["-", "a"]])).toBe("max(0, −a)");
  });

  it.each(rules.map((one) => [one.id, one] as const))("explain every name of %s", (_, one) => {
    const names = glossary(one, defaults);
    expect(names.map(({ name }) => name)).toEqual(namesIn(one.when, one.score, one.waste?.formula ?? 0));
    for (const { name, meaning } of names) expect(meaning, name).not.toBe("");
  });
});

describe("the ring of users", () => {
  const user = (name: string, cores: number) => ({ name, cores }) as UserView;

  it("goes from the largest to the smallest, and leaves the rest open", () => {
    const slices = slicesOf([user("a", 10), user("b", 30), user("c", 0)], 80);
    expect(slices.map(({ user: { name }, from, to }) => [name, from, to])).toEqual([
      ["b", 0, 0.375],
      ["a", 0.375, 0.5],
    ]);
  });

  it("is closed when more is held than there is", () => {
    expect(slicesOf([user("a", 30), user("b", 30)], 40).at(-1)?.to).toBe(1);
    expect(slicesOf([user("a", 30)], 0).at(-1)?.to).toBe(1);
  });

  it("draws a whole circle too", () => {
    expect(arc({ from: 0, to: 1 }, 1, 2)).toMatch(/^M0.00 -2.00A2 2 0 1 1 -0.00 -2.00L/);
  });
});

describe("several states", () => {
  const view = (state: string, mark = "ok") =>
    ({ job: { state, user: "", partition: "", hosts: [] }, running: state === "RUNNING", mark }) as unknown as JobView;
  const all = [view("RUNNING"), view("RUNNING", "warn"), view("PENDING"), view("NODE_FAIL"), view("PREEMPTED")];

  it("are any of those that are named", () => {
    const kept = (state: string) => filterJobs(all, { state }).map(({ job, mark }) => `${job.state} ${mark}`);
    expect(kept("PENDING,PREEMPTED")).toEqual(["PENDING ok", "PREEMPTED ok"]);
    expect(kept("attention,NODE_FAIL")).toEqual(["RUNNING warn", "NODE_FAIL ok"]);
    expect(kept("")).toHaveLength(5);
    expect(statesOf(",a,,b")).toEqual(["a", "b"]);
  });
});
