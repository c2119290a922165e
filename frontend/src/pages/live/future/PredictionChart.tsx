import { keepPreviousData, useQuery } from "@tanstack/react-query";
import type { Predictions } from "../../../api/types.gen";
import { useSite } from "../../../api/useLive";
import { loadPredictions } from "../../../api/window";
import { count, counted, percent, span } from "../../../lib/format";

/** How far the scheduler's first estimates were from the real starts. */
export function PredictionChart({ timestamp }: { timestamp: number }) {
  const site = useSite();
  const query = useQuery<Predictions>({
    queryKey: ["predictions", timestamp],
    queryFn: () => loadPredictions(site),
    placeholderData: keepPreviousData,
    retry: 1,
    gcTime: 60_000,
    structuralSharing: false,
  });
  if (query.error && !query.data) return <p className="notice warn">{query.error.message}</p>;
  if (!query.data) return <p className="muted">Reading the estimates …</p>;
  const { accuracy, started } = query.data;
  if (accuracy.jobs === 0) {
    return <p className="empty">No job that had an estimate has started since jobmon watches.</p>;
  }
  const bins = errorBins(started.map(([, , first, , real]) => real - first));
  const top = Math.max(1, ...bins.map((bin) => bin.jobs));
  return (
    <div className="predictions">
      <p>
        Of the last {counted(accuracy.jobs, "job")} with an estimate, {percent(100 * (accuracy.within10min ?? 0))}{" "}
        started within ten minutes of the first one; half of them were off by less than {span(accuracy.medianError)}.
        {accuracy.jobs < 20 && " That is little to judge by."}
      </p>
      <table className="gaps">
        <thead className="sr">
          <tr>
            <th scope="col">Against the estimate</th>
            <th scope="col">Chart</th>
            <th scope="col">Jobs</th>
          </tr>
        </thead>
        <tbody>
          {bins.map((bin) => (
            <tr key={bin.title}>
              <th scope="row">{bin.title}</th>
              <td className="gap-bars" aria-hidden="true">
                <i className="shortest" style={{ width: `${(100 * bin.jobs) / top}%` }} />
              </td>
              <td className="num">{count(bin.jobs)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

// Whole seconds up to which an error belongs to each.
const edges: [string, number][] = [
  ["over 1 h early", -3601],
  ["10 min to 1 h early", -601],
  ["within 10 min", 600],
  ["10 min to 1 h late", 3600],
  ["1 h to 6 h late", 21600],
  ["over 6 h late", Number.POSITIVE_INFINITY],
];

/** Sort errors in seconds (real start less the estimate) into named bins. */
export function errorBins(errors: readonly number[]): { title: string; jobs: number }[] {
  const bins = edges.map(([title]) => ({ title, jobs: 0 }));
  for (const error of errors) {
    const at = edges.findIndex(([, edge]) => error <= edge);
    const bin = bins[at];
    if (bin) bin.jobs++;
  }
  return bins;
}
