// public/site.json: a site's own name, logo, addresses and thresholds, changed without a build.
import { defaults, type Settings } from "../lib/rules";
import { bootedSite } from "./boot";

export interface Site {
  /** Where the logo links to; "" for nowhere. */
  homepage: string;
  /** Where the files are served, relative to the page. */
  address: string;
  pageTitle: string;
  logo: string;
  /** Seconds between questions when a snapshot is overdue. */
  fetchFrequency: number;
  /** Seconds after which a snapshot is too old to be shown as the present. */
  maintenanceAge: number;
  maintenanceText: string;
  /** Longest window of a backfill chart in seconds. */
  tMaxRes: number;
  settings: Settings;
}

export const standard: Site = {
  homepage: "",
  address: "api/",
  pageTitle: "jobmon",
  logo: "",
  fetchFrequency: 15,
  maintenanceAge: 1200,
  maintenanceText: "",
  tMaxRes: 604800,
  settings: defaults,
};

/** Load the site's settings. A missing or broken file leaves the standard ones; so does a value of the wrong type. */
export async function loadSite(): Promise<Site> {
  let given: unknown;
  try {
    given = await (bootedSite() ?? fetchSite());
  } catch (error) {
    console.warn("site.json could not be read, the standard settings are used", error);
    given = {};
  }
  return siteOf(given);
}

async function fetchSite(): Promise<unknown> {
  const response = await fetch("site.json", { cache: "no-cache" });
  return response.ok ? response.json() : {};
}

/** Least and most of each number; what is outside is ignored. */
const limits: Readonly<Record<string, readonly [number, number]>> = {
  fetchFrequency: [1, 3600],
  maintenanceAge: [10, 1e9],
  tMaxRes: [60, 1e9],
  warnSwap: [0, 100],
  warnSys: [0, 100],
  warnWait: [0, 100],
  warnUtil: [0, 100],
  warnMem: [0, 100],
  warnGpu: [0, 100],
  baseMem: [0, 1e9],
  baseMemSingle: [0, 1e9],
  graceTime: [0, 1e6],
  warningWindow: [1, 86400],
  warningFraction: [0, 1],
  terribleThreshold: [0, 1e12],
};

/** Take over what is given and makes sense; the console names what does not. */
export function siteOf(given: unknown): Site {
  if (given === null || typeof given !== "object" || Array.isArray(given)) {
    console.warn("site.json is no object, the standard settings are used");
    return standard;
  }
  const { settings, ...own } = standard;
  const known: Record<string, unknown> = { ...own, ...settings };
  const good: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(given)) {
    const wrong = Object.hasOwn(known, name) ? complaint(name, value, known[name]) : "is not a setting";
    if (wrong) console.warn(`site.json: "${name}" ${wrong}, it is ignored`);
    else good[name] = value;
  }
  return { ...own, ...pick(good, own), settings: { ...settings, ...pick(good, settings) } };
}

/** Say what is wrong with a value, "" when nothing is. */
function complaint(name: string, value: unknown, standard: unknown): string {
  const shown = String(JSON.stringify(value)).slice(0, 60);
  if (typeof value !== typeof standard) return `must be a ${typeof standard}, not ${shown}`;
  const [least, most] = limits[name] ?? [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY];
  if (typeof value === "number" && !(value >= least && value <= most))
    return `must be from ${least} to ${most}, not ${shown}`;
  if ((name === "homepage" || name === "logo") && /^\s*(javascript|vbscript|data):/i.test(String(value)))
    return "must be the address of a page or a picture";
  return "";
}

function pick<Known extends object>(good: Readonly<Record<string, unknown>>, known: Known): Partial<Known> {
  return Object.fromEntries(Object.entries(good).filter(([name]) => Object.hasOwn(known, name))) as Partial<Known>;
}
