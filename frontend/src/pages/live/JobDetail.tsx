import { Link } from "react-router";
import type { Live } from "../../api/live";
import { useCores, useRun } from "../../api/useLive";
import { ErrorBoundary } from "../../components/ErrorBoundary";
import { FindingList } from "../../efficiency/FindingList";
import { JobCharts } from "../../efficiency/JobCharts";
import { Status } from "../../efficiency/Status";
import { hasEnded } from "../../efficiency/states";
import { count } from "../../lib/format";
import { CoreGrid } from "./CoreGrid";
import { EndedJob } from "./EndedJob";
import { JobFacts } from "./JobFacts";
import { JobPlaces } from "./JobPlaces";
import type { Model } from "./model";
import { NeighbourList } from "./NeighbourList";
import { Pending } from "./Pending";
import type { Selection } from "./selection";

interface Props {
  live: Live;
  model: Model;
  selection: Selection;
  id: string;
}

export function JobDetail({ live, model, selection, id }: Props) {
  const view = model.job.get(id);
  // A node that is not the job's is no choice; without a choice the cores of the first one are shown.
  const chosen = view?.job.hosts.find(({ host }) => host === selection.node)?.host;
  const host = chosen ?? view?.job.hosts[0]?.host;
  const nodeView = host === undefined ? undefined : model.node.get(host);
  const timestamp = live.snapshot.timestamp;
  const cores = useCores(live, host, view?.running ? nodeView?.node.shard : undefined);
  const { data: run } = useRun(view?.running && !live.cores ? id : undefined, true, timestamp);
  if (view === undefined || (hasEnded(view.job.state) && view.job.end !== null)) {
    return <EndedJob live={live} id={id} selection={selection} />;
  }
  if (view.job.state === "PENDING") {
    return <Pending snapshot={live.snapshot} id={id} selection={selection} />;
  }
  const { job, running } = view;
  return (
    <div className="detail">
      <p className="lead">
        <Status view={view} /> <span className="name">{job.name}</span>
      </p>
      <JobFacts view={view} selection={selection} />
      <ErrorBoundary part="The judgement" version={timestamp}>
        <FindingList view={view} window={model.window} run={run ?? null} />
      </ErrorBoundary>
      {running && (
        <>
          {job.hosts.length > 1 && <JobPlaces view={view} model={model} selection={selection} chosen={chosen} />}
          <ErrorBoundary part="The charts" version={timestamp}>
            <JobCharts live={live} view={view} host={chosen} selection={selection} />
          </ErrorBoundary>
          {nodeView && (
            <>
              <h3>
                Cores of <Link to={selection.to({ job: null, node: nodeView.node.name })}>{nodeView.node.name}</Link>{" "}
                <span className="muted">{count(nodeView.node.cpus)} cores</span>
              </h3>
              <ErrorBoundary part="The cores" version={`${timestamp} ${host}`}>
                <CoreGrid query={cores} host={nodeView.node.name} job={id} timestamp={timestamp} />
              </ErrorBoundary>
              <NeighbourList
                title={`Other jobs on ${nodeView.node.name}`}
                jobs={nodeView.jobs.filter((other) => other.job.id !== id)}
                host={nodeView.node.name}
                selection={selection}
              />
            </>
          )}
        </>
      )}
    </div>
  );
}
