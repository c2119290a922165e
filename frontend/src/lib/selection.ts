// What is chosen lives in the URL, so that every view can be linked.
import { useMemo } from "react";
import { parsePath, useSearchParams } from "react-router";

export type Patch<Key extends string> = Partial<Record<Key, string | null>>;

export type Selection<Key extends string> = Partial<Record<Key, string>> & {
  /** The search part of a link to this view with some keys changed; null takes a key away. */
  to: (patch: Patch<Key>) => { search: string };
  set: (patch: Patch<Key>, replace?: boolean) => void;
};

/** Read some keys of the address; `keys` is the same list at each call. */
export function useKeys<Key extends string>(keys: readonly Key[]): Selection<Key> {
  const [params, setParams] = useSearchParams();
  return useMemo(() => {
    const changed = (search: URLSearchParams | string | undefined, patch: Patch<Key>): URLSearchParams => {
      const next = new URLSearchParams(search);
      for (const [key, value] of Object.entries(patch) as [Key, string | null | undefined][]) {
        if (value) next.set(key, value);
        else next.delete(key);
      }
      return next;
    };
    const chosen = Object.fromEntries(keys.flatMap((key) => (params.get(key) ? [[key, params.get(key)]] : [])));
    return {
      ...(chosen as Partial<Record<Key, string>>),
      to: (patch) => ({ search: changed(params, patch).toString() }),
      // The address may be ahead of what is drawn: a link pressed a moment ago must not be undone.
      set: (patch, replace = true) => setParams(changed(searchNow(), patch), { replace }),
    };
  }, [keys, params, setParams]);
}

/** Return the search part of the address that the browser shows. */
function searchNow(): string | undefined {
  return parsePath(window.location.hash.slice(1)).search;
}
