import { type ReactNode, useEffect, useMemo } from "react";
import type { Live } from "../../api/live";
import { useSite } from "../../api/useLive";
import { CopyButton } from "../../components/CopyButton";
import { Panel } from "../../components/Panel";
import { moment } from "../../lib/format";
import { rememberUser } from "../../lib/remember";
import { JobDetail } from "./JobDetail";
import { Jobs } from "./Jobs";
import { build } from "./model";
import { NodeDetail } from "./NodeDetail";
import { Nodes } from "./Nodes";
import { Overview } from "./Overview";
import { type Selection, useSelection } from "./selection";
import { Users } from "./Users";

const views = [
  { value: "users", title: "Users" },
  { value: "jobs", title: "Jobs" },
  { value: "nodes", title: "Nodes" },
] as const;

/** The three columns, users, jobs and nodes or a detail, of the instant that `live` holds. */
export function Panes({ live }: { live: Live }) {
  const site = useSite();
  const selection = useSelection();
  const model = useMemo(() => build(live, site), [live, site]);
  const { job, node, view, user } = selection;
  useEffect(() => {
    if (user && model.users.some((one) => one.name === user)) rememberUser(user);
  }, [user, model]);
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
          aside={
            <Aside selection={selection}>
              <CopyButton text={job} title="Copy number" />
            </Aside>
          }
        >
          <PrintHead live={live} />
          <JobDetail live={live} model={model} selection={selection} id={job} key={job} />
        </Panel>
      ) : node ? (
        <Panel
          title={`Node ${node}`}
          className="pane-right pane-detail"
          version={`${version} ${node}`}
          aside={<Aside selection={selection} />}
        >
          <PrintHead live={live} />
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

/** What a detail's head offers. */
function Aside({ selection, children }: { selection: Selection; children?: ReactNode }) {
  return (
    <span className="aside">
      {children}
      <button type="button" className="icon" aria-label="Print" title="Print" onClick={() => window.print()}>
        <svg viewBox="0 0 16 16" width="16" height="16" aria-hidden="true" fill="none" stroke="currentColor">
          <path d="M4.5 5V2h7v3m-7 7h-2V5.5h11V12h-2m-7-2.500h7V14h-7Z" strokeWidth="1.3" />
        </svg>
      </button>
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
    </span>
  );
}

/** Above a detail on paper: of which cluster, and when. */
function PrintHead({ live: { snapshot } }: { live: Live }) {
  return (
    <p className="print-only">
      {snapshot.cluster} as of {moment(snapshot.timestamp)} {new Date(snapshot.timestamp * 1000).getFullYear()}
    </p>
  );
}
