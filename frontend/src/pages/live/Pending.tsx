import { useMemo } from "react";
import type { Snapshot } from "../../api/snapshot";
import { PendingDetail } from "./future/PendingDetail";
import { queueOf } from "./future/queue";
import type { Selection } from "./selection";

/** A pending job beside the lists of the present: why it waits, its place in the queue and what it asks for. */
export function Pending(props: { snapshot: Snapshot; id: string; selection: Selection }) {
  const { snapshot, id, selection } = props;
  const queue = useMemo(() => queueOf(snapshot), [snapshot]);
  const row = queue.rows.find(({ job }) => job.id === id);
  // Its links ask about the future.
  const ahead: Selection = { ...selection, to: (patch) => selection.to({ mode: "future", ...patch }) };
  if (row === undefined) return <p className="empty">Job {id} waits no more.</p>;
  return <PendingDetail row={row} queued={queue.rows.length} now={snapshot.timestamp} selection={ahead} />;
}
