import { keepPreviousData, useQuery } from "@tanstack/react-query";
import type { Backfill } from "../../../api/types.gen";
import { useSite } from "../../../api/useLive";
import { loadBackfill } from "../../../api/window";
import { counted, duration } from "../../../lib/format";

/** Per partition and core count: for how long the gaps stay open that are there now. */
export function BackfillCharts({ timestamp }: { timestamp: number }) {
  const site = useSite();
  const query = useQuery<Backfill>({
    queryKey: ["backfill", timestamp],
    queryFn: () => loadBackfill(site),
    placeholderData: keepPreviousData,
    retry: 1,
    gcTime: 60_000,
    structuralSharing: false,
  });
  if (query.error && !query.data) return <p className="notice warn">{query.error.message}</p>;
  if (!query.data) return <p className="muted">Reading the gaps …</p>;
  const partitions = Object.entries(query.data).filter(([, slots]) => Object.keys(slots).length > 0);
  if (partitions.length === 0) return <p className="empty">There is no gap: nothing could start now.</p>;
  return (
    <div className="backfill">
      <p className="muted">
        A job of so many cores on one node could start now and run for as long as the bar: dark for the shortest gap of
        that size, light for the longest.
      </p>
      {partitions.map(([name, slots]) => (
        <Partition key={name} name={name} slots={slots} most={site.tMaxRes} />
      ))}
    </div>
  );
}

function Partition({ name, slots, most }: { name: string; slots: Backfill[string]; most: number }) {
  const rows = gapsOf(slots, most);
  const top = Math.max(...rows.map((row) => row.longest));
  return (
    <section aria-label={`Gaps of partition ${name}`}>
      <h3>{name || "All nodes"}</h3>
      <table className="gaps">
        <thead className="sr">
          <tr>
            <th scope="col">Cores</th>
            <th scope="col">Gaps</th>
            <th scope="col">Chart</th>
            <th scope="col">Shortest to longest</th>
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={row.cores}>
              <th scope="row">{counted(row.cores, "core")}</th>
              <td className="muted">{counted(row.count, "slot")}</td>
              <td className="gap-bars" aria-hidden="true">
                <i className="longest" style={{ width: `${(100 * row.longest) / top}%` }} />
                <i className="shortest" style={{ width: `${(100 * row.shortest) / top}%` }} />
              </td>
              <td className="num">{words(row, most)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

export interface Gap {
  cores: number;
  count: number;
  /** Seconds, at most what the site's charts show. */
  shortest: number;
  longest: number;
}

/** Read the slots of a partition: no bound is `most`, and where only the shortest has none it is as the longest. */
export function gapsOf(slots: Backfill[string], most: number): Gap[] {
  return Object.entries(slots)
    .map(([cores, { count, tMin, tMax }]) => {
      const longest = Math.min(most, tMax ?? most);
      return { cores: Number(cores), count, shortest: Math.min(most, tMin ?? longest), longest };
    })
    .sort((a, b) => a.cores - b.cores);
}

function words({ shortest, longest }: Gap, most: number): string {
  const write = (seconds: number) => (seconds >= most ? "no end known" : duration(seconds / 60));
  return write(shortest) === write(longest) ? write(longest) : `${write(shortest)} – ${write(longest)}`;
}
