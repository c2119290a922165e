import { useMemo } from "react";
import type { Live } from "../api/live";
import { useDeclared } from "../api/useDeclared";
import { useHistory, useSite } from "../api/useLive";
import { type Band, TimeChart } from "../charts/TimeChart";
import { DeclaredList } from "../components/DeclaredList";
import { within } from "../lib/declared";
import { heldSpans } from "../lib/fires";
import { rules } from "../lib/rules";
import { join } from "../lib/window";
import { chartsOf } from "./jobCharts";
import type { JobView } from "./jobView";
import { inputOf } from "./judge";
import { beginning, type Spanned, Spans } from "./Spans";

/** What charts want to know of a job, running or ended. */
export type Charted = Pick<JobView, "job">;

interface Props {
  live: Live;
  view: Charted;
  /** Only this node of the job; all together when absent. */
  host: string | undefined;
  selection: Spanned;
}

/** A job's use of the machine over time, with the times at which a rule fired. */
export function JobCharts({ live, view, host, selection }: Props) {
  const { settings } = useSite();
  const { job } = view;
  const { snapshot } = live;
  const now = snapshot.timestamp;
  const { name, from } = beginning(selection.span, now, job.start);
  const { chunks, loading, problems } = useHistory(live, from);
  const declared = useDeclared();
  const marks = useMemo(() => within(declared, from, now), [declared, from, now]);
  const { id } = job;
  const window = useMemo(() => {
    const hosts = new Set(job.hosts.map((place) => place.host));
    return join(chunks, from, now, { jobs: new Set([id]), hosts });
  }, [chunks, from, now, id, job]);
  const { nodes } = snapshot;
  const charts = useMemo(() => {
    const swap = new Map(nodes.map((node) => [node.name, node.swapTotal]));
    return chartsOf(window, view, host, (name) => swap.get(name) ?? null);
  }, [window, view, host, nodes]);
  const bands = useMemo(() => {
    // An ended job is judged as if it still ran.
    const jobs = new Map([[job.id, { ...job, state: "RUNNING" }]]);
    const input = inputOf({ ...snapshot, jobs }, window);
    return new Map(
      rules.map((rule) => [rule.id, heldSpans(rule, input, settings).map((held): Band => [...held, rule.title])]),
    );
  }, [snapshot, window, settings, job]);
  return (
    <>
      <h3>
        {host ? `Use on ${host}` : "Use"}{" "}
        <Spans value={name} ran={job.start ? now - job.start : null} selection={selection} />
      </h3>
      {problems.map((problem) => (
        <p key={problem} className="notice warn">
          {problem}
        </p>
      ))}
      {loading && <p className="muted">Reading the earlier part …</p>}
      {charts.length === 0 && <p className="muted">No measurements of this job.</p>}
      <DeclaredList marks={marks} />
      <div className="charts">
        {charts.map(({ rules: judged = [], ...chart }) => (
          <TimeChart
            key={chart.title}
            times={window.times}
            range={[from, now]}
            bands={judged.flatMap((rule) => bands.get(rule) ?? [])}
            marks={marks}
            {...chart}
          />
        ))}
      </div>
    </>
  );
}
