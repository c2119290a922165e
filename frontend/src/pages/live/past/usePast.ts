// What the time machine shows: the chosen instant, the one it is compared with, and the strip.
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useRef } from "react";
import type { Live } from "../../../api/live";
import { loadPast, loadUsage } from "../../../api/past";
import type { Usage } from "../../../api/types.gen";
import { useSite } from "../../../api/useLive";

/** Load the instant nearest to `at`; the one before stays until it is there. `present` itself without one. */
export function useInstant(present: Live, at: number | null) {
  const site = useSite();
  const frozen = useRef(present);
  const { snapshot } = frozen.current;
  const query = useQuery<Live>({
    queryKey: ["past", at],
    queryFn: ({ signal }) => loadPast(site, snapshot, at ?? snapshot.timestamp, signal),
    enabled: at !== null,
    placeholderData: keepPreviousData,
    staleTime: Number.POSITIVE_INFINITY,
    gcTime: 60_000,
    retry: 1,
    structuralSharing: false,
  });
  const live = at === null ? frozen.current : query.data;
  return { live, loading: at !== null && (query.isPlaceholderData || query.isPending), error: query.error };
}

/** Load the cores in use over time, and again every five minutes. */
export function useUsage(tier: Usage["tier"]) {
  const site = useSite();
  return useQuery<Usage>({
    queryKey: ["usage", tier],
    queryFn: () => loadUsage(site, tier),
    placeholderData: keepPreviousData,
    refetchInterval: 300_000,
    retry: 1,
    structuralSharing: false,
  });
}
