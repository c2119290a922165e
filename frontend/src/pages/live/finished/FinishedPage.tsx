import type { Live } from "../../../api/live";
import { Panel } from "../../../components/Panel";
import { EndedJob } from "../EndedJob";
import { PastTabs } from "../past/PastTabs";
import { useSelection } from "../selection";
import { FinishedTable } from "./FinishedTable";

/** Jobs that have ended: found again, with what they used and wasted. */
export function FinishedPage({ live }: { live: Live }) {
  const selection = useSelection();
  const { job } = selection;
  return (
    <div className="finished" data-shown={job ? "detail" : "list"}>
      <div className="time-machine">
        <PastTabs />
      </div>
      <Panel title="Finished jobs" className="finished-list" version="list">
        <FinishedTable partitions={live.snapshot.partitions} selection={selection} />
      </Panel>
      {job && (
        <Panel
          title={`Job ${job}`}
          className="finished-detail pane-detail"
          version={job}
          aside={
            <button type="button" className="quiet" onClick={() => selection.set({ job: null }, false)}>
              Close
            </button>
          }
        >
          <EndedJob live={live} id={job} selection={selection} key={job} />
        </Panel>
      )}
    </div>
  );
}
