import { useMemo } from "react";
import type { Run } from "../api/finished";
import type { Live } from "../api/live";
import type { Job } from "../api/snapshot";
import { ErrorBoundary } from "../components/ErrorBoundary";
import { JobCharts } from "./JobCharts";
import { RunEfficiency, RunWarnings } from "./RunDetail";
import type { Spanned } from "./Spans";

interface Props {
  live: Live;
  run: Run;
  selection: Spanned;
}

/** What a job that has ended used and wasted, and its charts while there are series of that time. */
export function EndedRun({ live, run, selection }: Props) {
  return (
    <>
      <RunEfficiency run={run} />
      <ErrorBoundary part="The judgement" version={run.id}>
        <RunWarnings run={run} />
      </ErrorBoundary>
      <ErrorBoundary part="The charts" version={run.id}>
        <Charts live={live} run={run} selection={selection} />
      </ErrorBoundary>
    </>
  );
}

function Charts({ live, run, selection }: Props) {
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
