import type { Live } from "../../../api/live";
import { Panel } from "../../../components/Panel";

export default function FinishedPage({ live }: { live: Live }) {
  const ended = [...live.snapshot.jobs.values()].filter((job) => job.end !== null && job.state !== "RUNNING");
  return (
    <Panel title="Finished jobs" version={live.snapshot.timestamp}>
      <p className="empty">{ended.length} jobs ended lately.</p>
    </Panel>
  );
}
