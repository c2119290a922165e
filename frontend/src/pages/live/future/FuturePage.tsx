import type { Live } from "../../../api/live";
import { Panel } from "../../../components/Panel";

export default function FuturePage({ live }: { live: Live }) {
  const waiting = [...live.snapshot.jobs.values()].filter((job) => job.state === "PENDING");
  return (
    <Panel title="Queue" version={live.snapshot.timestamp}>
      <p className="empty">{waiting.length} jobs are waiting.</p>
    </Panel>
  );
}
