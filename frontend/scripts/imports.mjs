// Checks who imports whom: a page never imports another page, only pages import efficiency/, and only charts/ uPlot.
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../src/", import.meta.url));
const files = readdirSync(root, { recursive: true }).filter((name) => /\.tsx?$/.test(name));
if (files.length === 0) throw new Error("no source files found");

const wrong = [];
for (const file of files) {
  for (const [, target] of readFileSync(path.join(root, file), "utf8").matchAll(/(?:from|import)\s*\(?\s*"([^"]+)"/g)) {
    if (/^uplot/i.test(target) && !file.startsWith("charts/"))
      wrong.push(`${file} imports ${target}: only charts/ may`);
    const reached = target.startsWith(".") ? path.join(path.dirname(file), target) : target;
    if (/^efficiency\//.test(reached) && !/^(efficiency|pages)\//.test(file))
      wrong.push(`${file} imports ${target}: only pages may`);
    const own = /^pages\/([^/]+)\//.exec(file)?.[1];
    const other = /^pages\/([^/]+)/.exec(reached)?.[1];
    if (own && other && own !== other) wrong.push(`${file} imports ${target}: a page never imports another page`);
    if (!own && other && file !== "pages.ts") wrong.push(`${file} imports ${target}: only pages.ts names pages`);
  }
}
if (wrong.length > 0) {
  console.error(wrong.join("\n"));
  process.exit(1);
}
