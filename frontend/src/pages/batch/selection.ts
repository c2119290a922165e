// What is chosen lives in the URL: /batch/VIEW?status=&q=&job=&show=&entry=&workflow=&run=&build=&form=
import { useMemo } from "react";
import { useSearchParams } from "react-router";

const keys = ["status", "q", "job", "show", "entry", "workflow", "run", "build", "form"] as const;
export type Key = (typeof keys)[number];
export type Patch = Partial<Record<Key, string | null>>;

export interface Selection extends Partial<Record<Key, string>> {
  /** The search part of a link to this view with some keys changed; null takes a key away. */
  to: (patch: Patch) => { search: string };
  set: (patch: Patch, replace?: boolean) => void;
}

export function useSelection(): Selection {
  const [params, setParams] = useSearchParams();
  return useMemo(() => {
    const changed = (patch: Patch): URLSearchParams => {
      const next = new URLSearchParams(params);
      for (const [key, value] of Object.entries(patch)) {
        if (value) next.set(key, value);
        else next.delete(key);
      }
      return next;
    };
    return {
      ...Object.fromEntries(keys.flatMap((key) => (params.get(key) ? [[key, params.get(key)]] : []))),
      to: (patch) => ({ search: changed(patch).toString() }),
      set: (patch, replace = true) => setParams(changed(patch), { replace }),
    };
  }, [params, setParams]);
}

/** Return a number that an address names; undefined when it is none. */
export function numberOf(text: string | undefined): number | undefined {
  return text !== undefined && /^[1-9]\d{0,9}$/.test(text) ? Number(text) : undefined;
}

/** Where a job is shown. */
export const toJob = (number: number) => ({ pathname: "/batch/jobs", search: `job=${number}` });

/** Where a run of a workflow is shown. */
export const toRun = (number: number) => ({ pathname: "/batch/workflows", search: `run=${number}` });
