import { useMemo, useState } from "react";
import type { Live } from "../../api/live";
import { useLive, useSite } from "../../api/useLive";
import { Panel } from "../../components/Panel";
import { moment, span } from "../../lib/format";
import { useNow } from "../../lib/useNow";
import { JobDetail } from "./JobDetail";
import { Jobs } from "./Jobs";
import { build } from "./model";
import { NodeDetail } from "./NodeDetail";
import { Nodes } from "./Nodes";
import { Overview } from "./Overview";
import { useSelection } from "./selection";
import { Users } from "./Users";

export function LivePage() {
  const { data, error, refetch } = useLive();
  const site = useSite();
  const [anyway, setAnyway] = useState(false);
  const age = useNow(5) - (data?.snapshot.timestamp ?? 0);
  if (data === undefined) return error ? <Failed error={error} retry={refetch} /> : <Loading />;
  if (age > site.maintenanceAge && !anyway) {
    return (
      <div className="state" role="alert">
        <h2>{site.maintenanceText || "The monitor is being maintained"}</h2>
        <p>
          The last snapshot is of {moment(data.snapshot.timestamp)}, {span(age)} ago. This page goes on by itself when
          there is a new one.
        </p>
        {error && <p className="muted">{error.message}</p>}
        <button type="button" onClick={() => setAnyway(true)}>
          Show the last snapshot anyway
        </button>
      </div>
    );
  }
  return (
    <>
      {error && (
        <p className="notice warn" role="alert">
          New data cannot be read: {error.message}. Below is the snapshot of {moment(data.snapshot.timestamp)}; it is
          tried again every {site.fetchFrequency} s.
        </p>
      )}
      {data.problems.map((problem) => (
        <p key={problem} className="notice warn" role="status">
          {problem}. Charts and judgements lack its part.
        </p>
      ))}
      <Panes live={data} />
    </>
  );
}

const views = [
  { value: "users", title: "Users" },
  { value: "jobs", title: "Jobs" },
  { value: "nodes", title: "Nodes" },
] as const;

function Panes({ live }: { live: Live }) {
  const site = useSite();
  const selection = useSelection();
  const model = useMemo(() => build(live, site), [live, site]);
  const { job, node, view } = selection;
  // A cluster of one node needs no list of nodes: its cores are the first thing to see.
  const only = model.nodes.length === 1 ? model.nodes[0]?.node.name : undefined;
  const detail = Boolean(job || node);
  const shown = detail ? "detail" : (views.find((one) => one.value === view)?.value ?? "users");
  const version = live.snapshot.timestamp;
  return (
    <div className="live" data-shown={shown}>
      <Overview model={model} selection={selection} />
      <nav className="views" aria-label="Lists">
        {views.map((one) => (
          <button
            key={one.value}
            type="button"
            aria-pressed={shown === one.value}
            onClick={() => selection.set({ view: one.value, job: null, node: null }, false)}
          >
            {one.title}
          </button>
        ))}
      </nav>
      <Users model={model} selection={selection} />
      <Jobs model={model} selection={selection} />
      {job ? (
        <Panel
          title={`Job ${job}`}
          className="pane-right pane-detail"
          version={`${version} ${job} ${node}`}
          aside={<Close selection={selection} />}
        >
          <JobDetail live={live} model={model} selection={selection} id={job} key={job} />
        </Panel>
      ) : node ? (
        <Panel
          title={`Node ${node}`}
          className="pane-right pane-detail"
          version={`${version} ${node}`}
          aside={<Close selection={selection} />}
        >
          <NodeDetail live={live} model={model} selection={selection} name={node} key={node} />
        </Panel>
      ) : only ? (
        <Panel title={`Node ${only}`} className="pane-right" version={`${version} ${only}`}>
          <NodeDetail live={live} model={model} selection={selection} name={only} />
        </Panel>
      ) : (
        <Nodes model={model} selection={selection} />
      )}
    </div>
  );
}

function Close({ selection }: { selection: ReturnType<typeof useSelection> }) {
  return (
    <button
      type="button"
      className="icon close"
      aria-label="Close, back to the list"
      onClick={() => selection.set({ job: null, node: null }, false)}
    >
      <svg viewBox="0 0 16 16" width="16" height="16" aria-hidden="true">
        <path d="m3.5 3.5 9 9m0-9-9 9" stroke="currentColor" strokeWidth="1.6" />
      </svg>
    </button>
  );
}

function Loading() {
  return (
    <div className="state" role="status">
      <h2>Reading the cluster …</h2>
      <div className="skeleton" aria-hidden="true">
        <i />
        <i />
        <i />
      </div>
    </div>
  );
}

function Failed({ error, retry }: { error: Error; retry: () => void }) {
  const site = useSite();
  return (
    <div className="state" role="alert">
      <h2>The cluster's data cannot be read</h2>
      <p className="error-text">{error.message}</p>
      <p>It is tried again every {site.fetchFrequency} s.</p>
      <button type="button" onClick={() => retry()}>
        Try now
      </button>
    </div>
  );
}
