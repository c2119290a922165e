import { useMemo } from "react";
import type { Run } from "../../api/finished";
import type { Live } from "../../api/live";
import type { Job } from "../../api/snapshot";
import { useRun } from "../../api/useLive";
import { ErrorBoundary } from "../../components/ErrorBoundary";
import { Shape } from "../../components/Shape";
import { JobCharts } from "./JobCharts";
import { stateWord } from "./jobColumns";
import { RunFacts, RunWarnings } from "./RunDetail";
import type { Selection } from "./selection";

interface Props {
  live: Live;
  id: string;
  selection: Selection;
}

/** A job that has ended: what it used, what it wasted, and its charts while there are series of that time. */
export function EndedJob({ live, id, selection }: Props) {
  const { data: run, error, isPending } = useRun(id, false, 0);
  if (isPending) return <p className="muted">Looking for job {id} …</p>;
  if (error) return <p className="notice warn">{error.message}</p>;
  if (run === null || run === undefined) {
    return <p className="empty">The scheduler does not list job {id} any more, and it was not seen to end.</p>;
  }
  return (
    <div className="detail">
      <p className="lead">
        <span className="state-word">
          {/FAIL|TIMEOUT|OUT_OF_MEMORY|DEADLINE/.test(run.state) && <Shape mark="bad" label="" />}
          <span>{stateWord(run.state)}</span>
        </span>{" "}
        <span className="name">{run.name}</span>
      </p>
      <RunFacts run={run} selection={selection} />
      <ErrorBoundary part="The judgement" version={id}>
        <RunWarnings run={run} />
      </ErrorBoundary>
      <ErrorBoundary part="The charts" version={id}>
        <Charts live={live} run={run} selection={selection} />
      </ErrorBoundary>
    </div>
  );
}

function Charts({ live, run, selection }: { live: Live; run: Run; selection: Selection }) {
  // The charts end when the job did: as if its end were the present.
  const then = useMemo<Live | null>(() => {
    if (run.end === null) return null;
    return { snapshot: { ...live.snapshot, timestamp: run.end + live.snapshot.interval }, chunks: [], problems: [] };
  }, [live.snapshot, run.end]);
  const view = useMemo(() => ({ job: jobOf(run) }), [run]);
  if (then === null || run.start === null) return null;
  return <JobCharts live={then} view={view} host={undefined} selection={selection} />;
}

/** Return the job of a run, as far as charts want to know it. */
function jobOf(run: Run): Job {
  const { id, name, user, state, partition, account, cpus, gpus, nNodes, timeLimit, start, end, submit } = run;
  return {
    ...{ id, name, user, state, partition, account, cpus, gpus, nNodes, timeLimit, start, end, submit },
    ...{ reason: "", dependency: "", arrayTasks: "", runTime: null, priority: null, jobfsReq: null },
    memReq: run.memReq,
    memMax: run.memMax,
    exitCode: run.exitCode,
    hosts: run.hosts.map((host) => ({ host, cores: 0, gpus: 0 })),
  };
}
