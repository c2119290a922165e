// What is chosen on a page of batch: /batch/VIEW?status=&q=&job=&show=&span=&entry=&workflow=&run=&build=&form=
import { type Selection as Chosen, useKeys } from "../../lib/selection";

const keys = ["status", "q", "job", "show", "span", "entry", "workflow", "run", "build", "form"] as const;

export type Selection = Chosen<(typeof keys)[number]>;

export const useSelection = (): Selection => useKeys(keys);

/** Return a number that an address names; undefined when it is none. */
export function numberOf(text: string | undefined): number | undefined {
  return text !== undefined && /^[1-9]\d{0,9}$/.test(text) ? Number(text) : undefined;
}

/** Where a job is shown. */
export const toJob = (number: number) => ({ pathname: "/batch/jobs", search: `job=${number}` });

/** Where a run of a workflow is shown. */
export const toRun = (number: number) => ({ pathname: "/batch/workflows", search: `run=${number}` });
