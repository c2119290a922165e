import { type UseQueryResult, useQuery } from "@tanstack/react-query";
import { ask } from "./ask";
import type { Person } from "./batch";
import { useSite } from "./useLive";

/** Ask who the daemon takes the reader for. */
export function usePerson(wanted = true): UseQueryResult<Person> {
  const site = useSite();
  return useQuery<Person>({
    queryKey: ["whoami"],
    queryFn: ({ signal }) => ask<Person>(`${site.address}whoami`, "GET", undefined, signal),
    enabled: wanted,
    staleTime: 60_000,
  });
}
