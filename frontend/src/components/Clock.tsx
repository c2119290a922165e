import type { Snapshot } from "../api/snapshot";
import { clock, moment, span } from "../lib/format";
import { useNow } from "../lib/useNow";

/** When the shown snapshot was taken, and how long ago that is. */
export function Clock({ snapshot }: { snapshot: Snapshot }) {
  const age = useNow(1) - snapshot.timestamp;
  const late = age > 3 * snapshot.interval + 10;
  return (
    <time
      className={`clock ${late ? "late" : ""}`}
      dateTime={new Date(snapshot.timestamp * 1000).toISOString()}
      title={`Snapshot of ${moment(snapshot.timestamp)}`}
    >
      <b>{clock(snapshot.timestamp)}</b> <span className="ago">{span(age)} ago</span>
    </time>
  );
}
