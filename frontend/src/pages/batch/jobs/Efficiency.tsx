import { useMemo } from "react";
import type { WholeJob } from "../../../api/batch";
import type { Live } from "../../../api/live";
import { useLive, useRun, useSite } from "../../../api/useLive";
import { ErrorBoundary } from "../../../components/ErrorBoundary";
import { FactList } from "../../../components/FactList";
import { EndedRun } from "../../../efficiency/EndedRun";
import { FindingList } from "../../../efficiency/FindingList";
import { type Fact, jobFacts, runFacts } from "../../../efficiency/facts";
import { JobCharts } from "../../../efficiency/JobCharts";
import { jobAlone } from "../../../efficiency/judge";
import { RunEfficiency } from "../../../efficiency/RunDetail";
import { Status } from "../../../efficiency/Status";
import { stateWord } from "../../../efficiency/states";
import { clock, count } from "../../../lib/format";
import { useNow } from "../../../lib/useNow";
import type { Selection } from "../selection";
import { isSame, lookedUpAt, seenOf, unseen } from "./seen";

interface Props {
  job: WholeJob;
  selection: Selection;
}

/** What a job uses and wastes, as its nodes were seen: of a running one now, of an ended one over its run. */
export function Efficiency({ job, selection }: Props) {
  const site = useSite();
  const { data, error } = useLive();
  const seen = seenOf(job, data, error, useNow(5), site.maintenanceAge);
  if (seen.kind === "nothing") return <p className="muted">{seen.words}</p>;
  const Use = seen.kind === "running" ? RunningUse : EndedUse;
  return <Use job={job} live={seen.live} selection={selection} />;
}

/** Batch tells these itself. */
const told = new Set(["Submitted", "Started", "Ended", "Exit code"]);
const others = (facts: readonly Fact[]) => facts.filter(([title]) => !told.has(title));

function RunningUse({ job, live, selection }: Props & { live: Live }) {
  const site = useSite();
  const id = job.scheduler_id ?? "";
  const { timestamp } = live.snapshot;
  const { data } = useRun(id, true, timestamp);
  const run = data && isSame(job, data) ? data : null;
  const judged = useMemo(() => jobAlone(live, site, id), [live, site, id]);
  if (judged === null) return null;
  const { view, window } = judged;
  return (
    <>
      <p className="judged">
        <Status view={view} />
        <span className="muted">
          {view.score > 0 && `score ${count(view.score)}, `}as of {clock(timestamp)}
        </span>
      </p>
      <FactList facts={others(jobFacts(view))} />
      {run && <RunEfficiency run={run} until={timestamp} />}
      <ErrorBoundary part="The judgement" version={timestamp}>
        <FindingList view={view} window={window} run={run} />
      </ErrorBoundary>
      {view.running && (
        <ErrorBoundary part="The charts" version={timestamp}>
          <JobCharts live={live} view={view} host={undefined} selection={selection} />
        </ErrorBoundary>
      )}
    </>
  );
}

function EndedUse({ job, live, selection }: Props & { live: Live }) {
  const { snapshot } = live;
  const { data: run, error, isPending } = useRun(job.scheduler_id ?? "", false, lookedUpAt(job, snapshot));
  if (isPending) return <p className="muted">Reading what was seen of it …</p>;
  if (error) return <p className="muted">What it used cannot be read: {error.message}</p>;
  if (!run || !isSame(job, run)) return <p className="muted">{unseen(job, snapshot)}</p>;
  return (
    <>
      {run.end === null && <p className="muted">Its end was not seen yet.</p>}
      <FactList facts={[["Ended as", run.end !== null && stateWord(run.state)], ...others(runFacts(run))]} />
      <EndedRun live={live} run={run} selection={selection} />
    </>
  );
}
