import { keepPreviousData, useQuery, useQueryClient } from "@tanstack/react-query";
import { createContext, useContext, useMemo } from "react";
import { useSearchParams } from "react-router";
import { loadFinished, loadRun, type Run } from "./finished";
import { type Live, loadChunks, loadCores, loadLive, refresh, tierFor, untilDue } from "./live";
import { type Site, standard } from "./site";
import type { Snapshot } from "./snapshot";
import type { Chunk, Cores } from "./types.gen";

export const SiteContext = createContext<Site>(standard);

export const useSite = (): Site => useContext(SiteContext);

/** Follow the cluster: ask when the next snapshot is due, never from a hidden tab nor while the past is shown. */
export function useLive() {
  const site = useSite();
  const client = useQueryClient();
  const [params] = useSearchParams();
  const frozen = params.get("mode") === "past";
  return useQuery<Live>({
    queryKey: ["live"],
    queryFn: () => {
      const known = client.getQueryData<Live>(["live"]);
      return known ? refresh(site, known) : loadLive(site);
    },
    refetchInterval: ({ state }) =>
      frozen && state.data ? false : untilDue(site, state.data?.snapshot, state.status === "error"),
    refetchOnWindowFocus: frozen ? false : "always",
    structuralSharing: false,
  });
}

export interface CoresQuery {
  data: Cores | undefined;
  isPending: boolean;
  error: Error | null;
}

/** Load the cores of a node's shard; the ones of the snapshot before stay until the new ones are there. */
export function useCores(live: Live, host: string | undefined, shard: number | undefined): CoresQuery {
  const site = useSite();
  const { timestamp } = live.snapshot;
  const stored = useMemo(() => (host === undefined ? undefined : live.cores?.(host)), [live, host]);
  const query = useQuery<Cores>({
    queryKey: ["cores", shard, timestamp],
    queryFn: () => loadCores(site, shard ?? 0),
    enabled: shard !== undefined && live.cores === undefined,
    placeholderData: (before, query) => (query?.queryKey[1] === shard ? before : undefined),
    gcTime: 60_000,
    retry: 1,
    structuralSharing: false,
  });
  return stored ? { data: stored, isPending: false, error: null } : query;
}

const NONE: Chunk[] = [];

/** Load the chunks back to `from`, with the live ones behind them; the live ones alone where they reach far enough. */
export function useHistory(live: Live, from: number): { chunks: Chunk[]; loading: boolean; problems: string[] } {
  const site = useSite();
  const { snapshot } = live;
  // The first view's half hour lacks what only charts show.
  const chunks = useMemo(() => live.chunks.filter((chunk) => chunk.tier !== "recent"), [live.chunks]);
  const first = chunks[0]?.times[0];
  const enough = first !== undefined && first <= from + snapshot.interval;
  const tier = tierFor(snapshot, from);
  const query = useQuery({
    queryKey: ["series", tier, ...version(snapshot, tier, from)],
    queryFn: () => loadChunks(site, tier, snapshot, from, snapshot.timestamp),
    enabled: !enough,
    staleTime: Number.POSITIVE_INFINITY,
    placeholderData: keepPreviousData,
    gcTime: 120_000,
    retry: 1,
    structuralSharing: false,
  });
  const older = enough ? NONE : (query.data?.chunks ?? NONE);
  const problems = [...(query.data?.problems ?? []), ...(query.error ? [query.error.message] : [])];
  const all = useMemo(() => [...older, ...chunks], [older, chunks]);
  return { chunks: all, loading: !enough && query.isPending, problems };
}

// A load is good as long as the live chunks go on where it ends.
function version(snapshot: Snapshot, tier: "day" | "month" | "year", from: number): number[] {
  const { span } = snapshot.series[tier];
  return [Math.floor(from / span), Math.floor(snapshot.timestamp / Math.min(span, 1200))];
}

/**
 * Load the sums of a job over its run: from the published files while it runs, from the store when it has ended; again
 * when `timestamp`, in epoch seconds, has grown.
 */
export function useRun(id: string | undefined, running: boolean, timestamp: number) {
  const site = useSite();
  return useQuery<Run | null>({
    queryKey: ["run", id, running, running ? Math.floor(timestamp / 120) : timestamp],
    queryFn: () => (running ? loadRun(site, id ?? "") : loadFinished(site, id ?? "")),
    enabled: id !== undefined,
    placeholderData: (before, query) => (query?.queryKey[1] === id ? before : undefined),
    gcTime: 60_000,
    retry: false,
  });
}
