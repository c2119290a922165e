import { describe, expect, it } from "vitest";
import { prepare, thin } from "../src/charts/prepare";
import { indices } from "../src/lib/cpuset";
import { amount, count, disk, duration, events, memory, percent, rate, share, span } from "../src/lib/format";
import { constant, type Expression, evaluate, perPoint, perRow } from "../src/lib/formula";

const NONE = Number.NaN;

describe("formulas", () => {
  const size = { rows: 2, points: 2 };
  const variables = {
    x: perPoint(Float64Array.of(1, NONE, 3, 4), 2),
    row: perRow(Float64Array.of(10, 20)),
    nothing: constant(NONE),
  };
  const all = (expression: Expression) => {
    const value = evaluate(expression, variables, size);
    return [...value.data];
  };

  it("spread numbers over rows and rows over points", () => {
    expect(all(["+", "x", "row", 1])).toEqual([12, NONE, 24, 25]);
    expect(all(["*", "row", 2])).toEqual([20, 40]);
    expect(all(["-", 1])).toEqual([-1]);
    expect(all(["/", 1, 0])).toEqual([Number.POSITIVE_INFINITY]);
    expect(all(["max", 3, ["min", 1, 2]])).toEqual([3]);
  });

  it("keep unknown unknown, but let one operand settle and, or", () => {
    expect(all([">", "x", 2])).toEqual([0, NONE, 1, 1]);
    expect(all(["and", [">", "x", 2], 0])).toEqual([0, 0, 0, 0]);
    expect(all(["or", [">", "x", 2], 1])).toEqual([1, 1, 1, 1]);
    expect(all(["and", "nothing", 1])).toEqual([NONE]);
    expect(all(["not", "nothing"])).toEqual([NONE]);
    expect(all(["if", [">", "x", 2], "row", 0])).toEqual([0, NONE, 20, 20]);
    expect(all([">=", "nothing", 1])).toEqual([NONE]);
  });

  it("refuse what they do not know", () => {
    expect(() => all(["constructor", 1])).toThrow("unknown operator");
    expect(() => all("toString")).toThrow("not known");
  });
});

describe("numbers as people read them", () => {
  it("carry units and are rounded to what is known", () => {
    expect([memory(900), memory(2048), memory(15_565), memory(3_000_000)]).toEqual([
      "900 MiB",
      "2.0 GiB",
      "15 GiB",
      "2.9 TiB",
    ]);
    expect([rate(5), rate(12_340), rate(0)]).toEqual(["5.0 kB/s", "12 MB/s", "0 kB/s"]);
    expect([disk(12_000), events(12), events(12_000)]).toEqual(["12 GB", "12/s", "12 k/s"]);
    expect([percent(43.4), percent(2.26, true), percent(0, true), share(1, 8), share(1, 0)]).toEqual([
      "43 %",
      "2.3 %",
      "0 %",
      "13 %",
      "–",
    ]);
    expect([duration(0), duration(61.9), duration(1440 + 65)]).toEqual(["0:00", "1:01", "1 d 1:05"]);
    expect([span(4), span(240), span(7200), span(260_000), span(-3)]).toEqual(["4 s", "4 min", "2 h", "3 d", "0 s"]);
    expect([count(16_520), amount(0.031), amount(0.3), amount(12.4)]).toEqual(["16,520", "0.031", "0.3", "12"]);
  });

  it("are a dash when unknown", () => {
    for (const write of [memory, rate, percent, duration, span, count, amount, disk, events]) {
      expect([write(null), write(NONE), write(undefined), write(Number.POSITIVE_INFINITY)]).toEqual([
        "–",
        "–",
        "–",
        "–",
      ]);
    }
  });
});

describe("lists of indices", () => {
  it("are read, and what makes no sense is left out", () => {
    expect([...indices("0-3,8")]).toEqual([0, 1, 2, 3, 8]);
    expect([...indices(""), ...indices(undefined), ...indices("x,5-,9-7")]).toEqual([]);
  });
});

describe("what a chart draws", () => {
  const line = (values: number[], style: "fill" | "dash" = "fill") => ({ label: "a", tone: "mem", style, values });

  it("is stacked without the limits", () => {
    const { drawn, plain } = prepare([0, 30], [line([1, 2]), line([10, 20]), line([5, 5], "dash")], true);
    expect(drawn).toEqual([
      [1, 2],
      [11, 22],
      [5, 5],
    ]);
    expect(plain[1]).toEqual([10, 20]);
  });

  it("has a gap where a value or a time is missing", () => {
    const { times, drawn } = prepare([0, 30, 60, 300, 330], [line([1, NONE, 3, 4, 5])], false);
    expect(times).toEqual([0, 30, 60, 90, 300, 330]);
    expect(drawn).toEqual([[1, null, 3, null, 4, 5]]);
  });

  it("is thinned for its table with the end kept", () => {
    expect(thin(5, 10)).toEqual([0, 1, 2, 3, 4]);
    expect(thin(100, 10)).toHaveLength(10);
    expect(thin(100, 10).at(-1)).toBe(99);
  });
});
