import { readFileSync } from "node:fs";
import { afterEach, describe, expect, it, vi } from "vitest";
import { siteOf, standard } from "../src/api/site";

const file = (path: string) => readFileSync(new URL(path, import.meta.url), "utf8");

describe("site.json", () => {
  const warned = vi.spyOn(console, "warn").mockImplementation(() => {});
  afterEach(() => warned.mockClear());

  it("is shipped with every setting at its standard", () => {
    expect(siteOf(JSON.parse(file("../public/site.json")))).toEqual(standard);
    const { settings, ...own } = standard;
    expect(Object.keys(JSON.parse(file("../public/site.json"))).sort()).toEqual(
      [...Object.keys(own), ...Object.keys(settings)].sort(),
    );
    expect(warned).not.toHaveBeenCalled();
  });

  it("has every setting in its document, with its standard", () => {
    const told = new Map(
      [...file("../../docs/site.md").matchAll(/^\| `(\w+)` \| `([^`]*)` \|/gm)].map(([, name, value]) => [name, value]),
    );
    const shipped = Object.entries(JSON.parse(file("../public/site.json")));
    expect([...told]).toEqual(expect.arrayContaining(shipped.map(([name, value]) => [name, JSON.stringify(value)])));
    expect(told.size).toBe(shipped.length);
  });

  it("changes what it names", () => {
    const site = siteOf({ pageTitle: "OzSTAR", warnUtil: 60 });
    expect(site.pageTitle).toBe("OzSTAR");
    expect(site.settings.warnUtil).toBe(60);
    expect(site.settings.warnSys).toBe(standard.settings.warnSys);
  });

  it.each([
    ["warnUtil", "80", "must be a number"],
    ["warnGpu", 130, "must be from 0 to 100"],
    ["warningFraction", -1, "must be from 0 to 1"],
    ["fetchFrequency", 0, "must be from 1"],
    ["pageTitle", null, "must be a string"],
    ["homepage", "javascript:alert(1)", "must be the address"],
    ["warnUtill", 50, "is not a setting"],
  ])("ignores %s = %s and says so", (name, value, words) => {
    expect(siteOf({ [name]: value, pageTitle: name === "pageTitle" ? value : "kept" }).pageTitle).toBe(
      name === "pageTitle" ? standard.pageTitle : "kept",
    );
    expect(siteOf({ [name]: value })).toEqual(standard);
    expect(warned.mock.calls.flat().join()).toContain(`"${name}" ${words}`);
  });

  it("is the standard when it is no object", () => {
    expect(siteOf([1])).toBe(standard);
    expect(warned).toHaveBeenCalledTimes(1);
  });
});
