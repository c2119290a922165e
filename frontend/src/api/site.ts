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

/** Take over what is given and has the right type. */
export function siteOf(given: unknown): Site {
  if (given === null || typeof given !== "object") return standard;
  const { settings, ...own } = standard;
  return { ...fitting(own, given), settings: fitting(settings, given) };
}

function fitting<Known extends object>(known: Known, given: object): Known {
  const pairs = Object.entries(given).filter(([key, value]) => typeof value === typeof known[key as keyof Known]);
  return { ...known, ...Object.fromEntries(pairs.filter(([key]) => key in known)) };
}
