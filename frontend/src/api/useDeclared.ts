import { useQuery } from "@tanstack/react-query";
import { type Declared, declaredOf } from "../lib/declared";
import { fetchFiles } from "./fetch";
import type { Marks } from "./types.gen";
import { useSite } from "./useLive";

const NONE: Declared[] = [];

/** Load what was declared, and again every five minutes; nothing where a site has no such file, or while it is broken. */
export function useDeclared(): readonly Declared[] {
  const site = useSite();
  const { data } = useQuery({
    queryKey: ["marks"],
    queryFn: async () => {
      const [file] = await fetchFiles(site.address, ["live/marks"]);
      if (file instanceof Error) throw file;
      return declaredOf((file as Partial<Marks> | null)?.marks);
    },
    staleTime: 60_000,
    refetchInterval: 300_000,
    retry: 1,
  });
  return data ?? NONE;
}
