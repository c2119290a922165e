import { useQuery } from "@tanstack/react-query";
import { ask, isAbsent } from "./ask";
import { useSite } from "./useLive";

interface Asked {
  name: string;
  asks?: string;
}

/**
 * Return the names of what a site offers: it may run a part of it only, or serve files without a daemon. Those that
 * have to be asked are asked once, when the page is `ready`.
 */
export function useOffered(all: readonly Asked[], ready: boolean): ReadonlySet<string> {
  const site = useSite();
  const { data } = useQuery({
    queryKey: ["offered"],
    queryFn: async () => {
      const there = await Promise.all(
        all.map(({ name, asks }) => asks === undefined || answers(`${site.address}${name}/${asks}`)),
      );
      return all.filter((_, i) => there[i]).map((one) => one.name);
    },
    enabled: ready,
    staleTime: Number.POSITIVE_INFINITY,
    refetchOnWindowFocus: false,
  });
  return new Set(data);
}

async function answers(url: string): Promise<boolean> {
  try {
    await ask(url);
    return true;
  } catch (error) {
    return !isAbsent(error);
  }
}
