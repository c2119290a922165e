import {
  keepPreviousData,
  type UseQueryResult,
  useInfiniteQuery,
  useQuery,
  useQueryClient,
} from "@tanstack/react-query";
import { useCallback } from "react";
import { ask, askText, isAbsent, type Method } from "./ask";
import type { JobPage, Overview } from "./batch";
import { useSite } from "./useLive";

/** Seconds between questions; a hidden tab asks nothing. */
const EVERY_MS = 5000;
const SLOWER_MS = 30_000;
const PAGE = 200;

/** Ask one of batch's addresses again and again; `path` is undefined where nothing is to be asked. */
export function useBatch<T>(path: string | undefined, every: number | false = EVERY_MS): UseQueryResult<T> {
  const site = useSite();
  return useQuery<T>({
    queryKey: ["batch", path],
    queryFn: ({ signal }) => ask<T>(`${site.address}batch/${path}`, "GET", undefined, signal),
    enabled: path !== undefined,
    refetchInterval: ({ state }) => (isAbsent(state.error) ? false : every),
  });
}

/** Ask how the masters and the jobs are doing. */
export const useOverview = (): UseQueryResult<Overview> => useBatch<Overview>("overview");

/** Load jobs, the newest first, and older ones page by page; many pages are asked for again less often. */
export function useJobs(filter: { status?: string | undefined; q?: string | undefined }) {
  const site = useSite();
  const query = new URLSearchParams({ limit: String(PAGE) });
  if (filter.status) query.set("status", filter.status);
  if (filter.q) query.set("q", filter.q.slice(0, 100));
  return useInfiniteQuery({
    queryKey: ["batch", "jobs", query.toString()],
    queryFn: ({ pageParam, signal }) => {
      const before = pageParam === null ? "" : `&before=${pageParam}`;
      return ask<JobPage>(`${site.address}batch/jobs?${query}${before}`, "GET", undefined, signal);
    },
    initialPageParam: null as number | null,
    getNextPageParam: (page) => page.next,
    placeholderData: keepPreviousData,
    refetchInterval: ({ state }) => ((state.data?.pages.length ?? 0) > 2 ? SLOWER_MS : EVERY_MS),
  });
}

/** Load a text of a job: its script, or its output, again and again while it may grow. */
export function useJobText(number: number, what: "script" | "output", wanted: boolean, grows: boolean) {
  const site = useSite();
  return useQuery<string>({
    queryKey: ["batch", "jobs", number, what],
    queryFn: ({ signal }) => askText(`${site.address}batch/jobs/${number}/${what}`, signal),
    enabled: wanted,
    refetchInterval: grows ? EVERY_MS : false,
    gcTime: 10_000,
  });
}

export type Act = <T>(method: Method, path: string, body?: unknown) => Promise<T>;

/** Return what asks batch to do something; all that is shown of it is read again at once. */
export function useAct(): Act {
  const site = useSite();
  const client = useQueryClient();
  return useCallback(
    async <T>(method: Method, path: string, body?: unknown) => {
      try {
        return await ask<T>(`${site.address}batch/${path}`, method, body);
      } finally {
        // What was below something that is gone now is not there any more.
        const gone = ({ queryKey }: { queryKey: readonly unknown[] }) =>
          method === "DELETE" && String(queryKey[1]).startsWith(`${path}/`);
        client.invalidateQueries({ queryKey: ["batch"], predicate: (query) => !gone(query) });
      }
    },
    [site.address, client],
  );
}
