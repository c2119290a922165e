// The one rule table that the page and the daemon share, and the settings its formulas name.
import table from "../../../backend/jobmon/live/rules.json";
import type { Expression } from "./formula";

export type Settings = typeof table.settings;

export interface Rule {
  id: string;
  of: "job" | "node";
  unit: string;
  threshold: keyof Settings;
  observed: Expression;
  observedUnit: string;
  when: Expression;
  score: Expression;
  waste: { unit: string; formula: Expression } | null;
  title: string;
  sentence: string;
  advice: string;
}

export const defaults: Settings = table.settings;
// The file's nested arrays have no better type in JSON than arrays of anything; formula.ts refuses what it does not know.
export const rules = table.rules as unknown as readonly Rule[];
