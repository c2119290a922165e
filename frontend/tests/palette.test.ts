// The colours of the style sheet: readable in light and dark, and still apart for those who see fewer of them.
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";

type Rgb = [number, number, number];

const css = readFileSync(new URL("../src/styles/base.css", import.meta.url), "utf8");
const tokens = new Map(
  [...css.matchAll(/--([\w-]+):\s*light-dark\((#\w{6}),\s*(#\w{6})\)/g)].map(([, name, light, dark]) => [
    name as string,
    { light: rgb(light as string), dark: rgb(dark as string) },
  ]),
);
const schemes = ["light", "dark"] as const;

function rgb(hex: string): Rgb {
  return [1, 3, 5].map((i) => linear(Number.parseInt(hex.slice(i, i + 2), 16) / 255)) as Rgb;
}

function linear(part: number): number {
  return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
}

function colour(name: string, scheme: "light" | "dark"): Rgb {
  const found = tokens.get(name);
  if (!found) throw new Error(`no colour --${name}`);
  return found[scheme];
}

/** The ratio of WCAG 2. */
function contrast(a: Rgb, b: Rgb): number {
  const [x, y] = [a, b].map(([r, g, b]) => 0.2126 * r + 0.7152 * g + 0.0722 * b + 0.05) as [number, number];
  return Math.max(x, y) / Math.min(x, y);
}

// Machado, Oliveira and Fernandes (2009), severity 1, over linear RGB.
const sights: Record<string, Rgb[]> = {
  all: [
    [1, 0, 0],
    [0, 1, 0],
    [0, 0, 1],
  ],
  protanopia: [
    [0.152286, 1.052583, -0.204868],
    [0.114503, 0.786281, 0.099216],
    [-0.003882, -0.048116, 1.051998],
  ],
  deuteranopia: [
    [0.367322, 0.860646, -0.227968],
    [0.280085, 0.672501, 0.047413],
    [-0.01182, 0.04294, 0.968881],
  ],
  tritanopia: [
    [1.255528, -0.076749, -0.178779],
    [-0.078411, 0.930809, 0.147602],
    [0.004733, 0.691367, 0.3039],
  ],
};

function seen(colour: Rgb, sight: string): Rgb {
  return (sights[sight] as Rgb[]).map((row) =>
    Math.min(1, Math.max(0, row[0] * colour[0] + row[1] * colour[1] + row[2] * colour[2])),
  ) as Rgb;
}

/** Distance in OKLab; 0.02 is just seen side by side. */
function distance(a: Rgb, b: Rgb): number {
  const [x, y] = [a, b].map(oklab) as [Rgb, Rgb];
  return Math.hypot(x[0] - y[0], x[1] - y[1], x[2] - y[2]);
}

function oklab([r, g, b]: Rgb): Rgb {
  const l = Math.cbrt(0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b);
  const m = Math.cbrt(0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b);
  const s = Math.cbrt(0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b);
  return [
    0.2104542553 * l + 0.793617785 * m - 0.0040720468 * s,
    1.9779984951 * l - 2.428592205 * m + 0.4505937099 * s,
    0.0259040371 * l + 0.7827717662 * m - 0.808675766 * s,
  ];
}

const grounds = ["surface", "bg", "hover", "chosen", "raised"];

describe.each(schemes)("the colours of %s", (scheme) => {
  it("are found in the style sheet", () => {
    expect(tokens.size).toBeGreaterThan(20);
  });

  it.each(["text", "muted", "accent", "warn", "bad", "ok"])("%s can be read on every ground", (name) => {
    for (const ground of grounds) {
      const ratio = contrast(colour(name, scheme), colour(ground, scheme));
      expect(ratio, `--${name} on --${ground}`).toBeGreaterThanOrEqual(4.5);
    }
  });

  it.each([
    ["text", "warn-back"],
    ["text", "bad-back"],
    ["muted", "warn-back"],
    ["warn", "warn-back"],
    ["bad", "bad-back"],
    ["accent", "warn-back"],
  ])("%s can be read on %s", (name, ground) => {
    expect(contrast(colour(name, scheme), colour(ground, scheme))).toBeGreaterThanOrEqual(4.5);
  });

  it.each(["ok", "warn", "bad", "unknown", "cpu-user", "cpu-system", "cpu-wait", "mem", "gpu", "disk", "in", "out"])(
    "%s stands out as a mark",
    (name) => {
      expect(contrast(colour(name, scheme), colour("surface", scheme))).toBeGreaterThanOrEqual(3);
    },
  );

  // What stands in one picture must be told apart: 0.08 is four times what is just seen.
  it.each([
    ["ok", "warn", "bad"],
    ["cpu-user", "cpu-system", "cpu-wait"],
    ["in", "out"],
    ["cpu-user", "rest"],
    ["mem", "muted"],
  ])("%s, %s … are apart for every sight", (...names) => {
    for (const sight of Object.keys(sights)) {
      for (const [i, a] of names.entries()) {
        for (const b of names.slice(i + 1)) {
          const apart = distance(seen(colour(a, scheme), sight), seen(colour(b, scheme), sight));
          expect(apart, `--${a} and --${b} with ${sight}`).toBeGreaterThanOrEqual(0.08);
        }
      }
    }
  });
});
