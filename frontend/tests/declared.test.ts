import { describe, expect, it } from "vitest";
import { declaredOf, namesAt, when, within } from "../src/lib/declared";

const mark = (name: string, at: number, until: number | null = null) => ({
  name,
  at,
  until,
  note: "",
  source: "person",
});
const names = (marks: { name: string }[]) => marks.map((one) => one.name);

describe("marks", () => {
  it("are read in order of time, and a broken one costs that one", () => {
    const file = [
      mark("b", 20),
      mark("a", 10),
      null,
      5,
      mark("x", Number.NaN),
      { at: 1, until: null },
      { name: "y", at: 3 },
    ];
    expect(names(declaredOf(file))).toEqual(["a", "b"]);
    expect(declaredOf({ marks: [] })).toEqual([]);
    expect(declaredOf(undefined)).toEqual([]);
    expect(new Set(declaredOf([mark("a", 1), mark("a", 1)]).map((one) => one.id)).size).toBe(2);
  });

  it("lie in a span or reach into it", () => {
    const marks = declaredOf([mark("before", 10, 20), mark("into", 10, 30), mark("in", 35), mark("after", 41)]);
    expect(names(within(marks, 25, 40))).toEqual(["into", "in"]);
    expect(names(within(marks, 20, 20))).toEqual(["before", "into"]);
  });

  it("are named near a time, each once, and not endlessly", () => {
    const marks = declaredOf([mark("a", 100), mark("a", 101), mark("long", 0, 99), mark("far", 200)]);
    expect(namesAt(marks, 100, 0.5)).toEqual(["a"]);
    expect(namesAt(marks, 100, 2)).toEqual(["long", "a"]);
    expect(namesAt(marks, 150, 2)).toEqual([]);
    const many = declaredOf(["a", "b", "c", "d", "e"].map((name) => mark(name, 5)));
    expect(namesAt(many, 5, 1)).toEqual(["a", "b", "c", "and 2 more"]);
  });

  it("tell when they were, the day only once", () => {
    const at = new Date(2026, 10, 21, 8, 0).getTime() / 1000;
    const [moment, hours, night, year] = declaredOf([
      mark("moment", at),
      mark("hours", at, at + 36_000),
      mark("night", at, at + 72_000),
      mark("year", at, at + 365 * 86_400),
    ]).map(when);
    expect(moment).toBe("21 Nov 08:00");
    expect(hours).toBe("21 Nov 08:00 – 18:00");
    expect(night).toBe("21 Nov 08:00 – 22 Nov 04:00");
    expect(year).toBe("21 Nov 08:00 – 21 Nov 08:00");
  });
});
