// What is chosen lives in the URL, so that every view can be linked: ?user=&who=&job=&node=&state=&partition=&q=&sort=&rank=&span=&view=
// and the time of what is shown: ?mode=past&at=&with=, ?mode=finished&since=&until=&waste=, ?mode=future&ask=; the present
// has no mode.
import { useMemo } from "react";
import { useSearchParams } from "react-router";

const chosen = ["user", "who", "job", "node", "state", "partition", "q", "sort", "rank", "span", "view"] as const;
const when = ["mode", "at", "with", "ask", "since", "until", "waste"] as const;
export const keys = [...chosen, ...when] as const;
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

export const modes = ["past", "present", "future", "finished"] as const;
export type Mode = (typeof modes)[number];

/** Return which part of time is shown; a link without or with an unknown mode shows the present. */
export function modeOf({ mode }: Selection): Mode {
  return modes.find((one) => one === mode) ?? "present";
}
