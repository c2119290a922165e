import { describe, expect, it } from "vitest";
import { dotOf, dotOfSteps, sizeOf } from "../src/pages/batch/releases/marks";

const result = (rc: number) => ({ rc, log: null, line: null, first_error: null, seconds: 1, at: 0 });

describe("the dots of builds", () => {
  it("tells checkout, compile and test apart by letter and shape", () => {
    const dots = ["C", "O", "T"].map(dotOf);
    expect(dots.map((dot) => dot.letter)).toEqual(["C", "O", "T"]);
    expect(new Set(dots.map((dot) => dot.shape)).size).toBe(3);
  });

  it("keeps the word of an end that nobody foresaw", () => {
    expect(dotOf("stopped")).toMatchObject({ word: "Stopped", tone: "warn" });
    expect(dotOf("failed").tone).toBe("bad");
    expect(dotOf("constructor").word).toBe("Constructor");
  });

  it("shows the first step that failed", () => {
    expect(dotOfSteps({ checkout: result(0), build: result(1), test: result(2) })?.letter).toBe("O");
    expect(dotOfSteps({ checkout: result(0), build: result(0) })?.word).toBe("Good");
    expect(dotOfSteps({})).toBeNull();
  });

  it("writes sizes for people", () => {
    expect([0, 999, 1500, 12_345_678].map(sizeOf)).toEqual(["0 B", "999 B", "1.5 kB", "12 MB"]);
  });
});
