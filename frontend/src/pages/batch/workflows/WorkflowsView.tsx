import { useState } from "react";
import type { Run, Workflow } from "../../../api/batch";
import { useBatch } from "../../../api/useBatch";
import { Panel } from "../../../components/Panel";
import { Segments } from "../../../components/Segments";
import { VirtualTable } from "../../../components/VirtualTable";
import { counted } from "../../../lib/format";
import { useNow } from "../../../lib/useNow";
import { Answer } from "../Answer";
import { Close } from "../Close";
import { numberOf, useSelection } from "../selection";
import { lookOf } from "../states";
import { Definition } from "./Definition";
import { RunDetail } from "./RunDetail";
import { runColumns } from "./runColumns";

const states = ["", "queued", "running", "succeeded", "failed", "stopped"];
const PAGE = 100;
const MOST = 500;

/** Workflows and their runs: what is defined, what runs, and one of either. */
export function WorkflowsView() {
  const selection = useSelection();
  const { workflow: name = "", run, status = "" } = selection;
  const [limit, setLimit] = useState(PAGE);
  const known = useBatch<{ workflows: Workflow[]; errors?: string[] }>("workflows");
  const asked = new URLSearchParams({ workflow: name, status, limit: String(limit) });
  const runs = useBatch<{ runs: Run[]; next: number | null }>(`runs?${asked}`);
  const now = useNow(5);
  const workflows = known.data?.workflows ?? [];
  const close = () => selection.set({ run: null, workflow: null, form: null }, false);
  const rows = runs.data?.runs ?? [];
  return (
    <div className="split" data-shown={run || name ? "detail" : "list"}>
      <Panel
        title="Runs"
        version={runs.dataUpdatedAt}
        aside={
          <span className="muted found" role="status">
            {runs.data && `${counted(rows.length, "run")}${runs.data.next === null ? "" : " and older ones"}`}
          </span>
        }
      >
        <div className="tools">
          <Segments
            label="State of runs"
            options={states.map((value) => ({ value, title: value ? lookOf(value).word : "All" }))}
            value={status}
            onChange={(value) => selection.set({ status: value })}
          />
          <select
            aria-label="Workflow"
            value={name}
            onChange={(event) => selection.set({ workflow: event.target.value, run: null, form: null }, false)}
          >
            <option value="">All workflows</option>
            {[...new Set([...workflows.map((one) => one.name), ...(name ? [name] : [])])].map((one) => (
              <option key={one}>{one}</option>
            ))}
          </select>
        </div>
        {known.data?.errors?.map((error) => (
          <p key={error} className="notice bad" role="alert">
            {error}
          </p>
        ))}
        {known.data && workflows.length === 0 && (
          <p className="notice">No workflow is defined. Samples are in etc/workflows.d; each file is one.</p>
        )}
        <Answer query={runs}>
          {() => (
            <VirtualTable
              caption="Runs"
              columns={runColumns(selection, now)}
              rows={rows}
              rowKey={(row) => String(row.run_id)}
              selected={run}
              empty={name || status ? "No run fits this choice." : "No workflow was run yet."}
            />
          )}
        </Answer>
        {runs.data?.next != null && limit < MOST && (
          <p className="more">
            <button type="button" onClick={() => setLimit(MOST)}>
              Show older runs
            </button>
          </p>
        )}
      </Panel>
      {run ? (
        <Panel
          title={`Run ${run}`}
          className="pane-detail"
          version={run}
          aside={<Close onClose={() => selection.set({ run: null }, false)} />}
        >
          <RunDetail key={run} number={numberOf(run)} workflows={workflows} />
        </Panel>
      ) : name ? (
        <Panel title={`Workflow ${name}`} className="pane-detail" version={name} aside={<Close onClose={close} />}>
          <Answer query={known}>
            {() => (
              <Definition key={name} workflow={workflows.find((one) => one.name === name)} selection={selection} />
            )}
          </Answer>
        </Panel>
      ) : (
        <Panel title="Workflows" className="pane-side" version={known.dataUpdatedAt}>
          <Answer query={known}>
            {() => (
              <ul className="workflow-list">
                {workflows.map((one) => (
                  <li key={one.name}>
                    <button type="button" onClick={() => selection.set({ workflow: one.name }, false)}>
                      <b>{one.name}</b>
                      <span className="muted">
                        {counted(one.stages.length, "stage")}: {one.stages.map((stage) => stage.name).join(", ")}
                      </span>
                    </button>
                  </li>
                ))}
              </ul>
            )}
          </Answer>
        </Panel>
      )}
    </div>
  );
}
