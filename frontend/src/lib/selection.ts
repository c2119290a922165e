// What is chosen lives in the URL, so that every view can be linked.
import { useMemo } from "react";
import { useSearchParams } from "react-router";

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
    const changed = (patch: Patch<Key>): URLSearchParams => {
      const next = new URLSearchParams(params);
      for (const [key, value] of Object.entries(patch) as [Key, string | null | undefined][]) {
        if (value) next.set(key, value);
        else next.delete(key);
      }
      return next;
    };
    const chosen = Object.fromEntries(keys.flatMap((key) => (params.get(key) ? [[key, params.get(key)]] : [])));
    return {
      ...(chosen as Partial<Record<Key, string>>),
      to: (patch) => ({ search: changed(patch).toString() }),
      set: (patch, replace = true) => setParams(changed(patch), { replace }),
    };
  }, [keys, params, setParams]);
}
