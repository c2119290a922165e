import { useMemo } from "react";
import type { Live } from "../../../api/live";
import { Panel } from "../../../components/Panel";
import { count, counted, moment } from "../../../lib/format";
import { useSelection } from "../selection";
import { BackfillCharts } from "./BackfillCharts";
import { PendingDetail } from "./PendingDetail";
import { PredictionChart } from "./PredictionChart";
import { QueueTable } from "./QueueTable";
import { QueueUsers } from "./QueueUsers";
import { queueOf } from "./queue";
import { WindowForm } from "./WindowForm";

/** What waits, and what could start. */
export function FuturePage({ live }: { live: Live }) {
  const selection = useSelection();
  const { snapshot } = live;
  const queue = useMemo(() => queueOf(snapshot), [snapshot]);
  const version = snapshot.timestamp;
  const chosen = selection.job ? queue.rows.find((row) => row.job.id === selection.job) : undefined;
  return (
    <div className="future" data-shown={chosen ? "detail" : "queue"}>
      <section className="overview" aria-label="The queue at a glance">
        <p className="verdict">
          <b>
            {queue.tasks === 0
              ? "Nothing waits."
              : `${counted(queue.tasks, "job")} of ${counted(queue.users.length, "user")} ${queue.tasks === 1 ? "waits" : "wait"}`}
          </b>
          {queue.tasks > 0 && (
            <span>
              for {count(queue.coreHours)} core-hours
              {Number.isFinite(queue.machineHours) && `: the whole cluster for ${hours(queue.machineHours)}`}
              {queue.unlimited > 0 && `, and ${count(queue.unlimited)} without a time limit`}.
            </span>
          )}
        </p>
        <Maintenance reservations={snapshot.reservations} now={snapshot.timestamp} />
      </section>
      <Panel title="Who waits" className="future-users" version={version}>
        <QueueUsers queue={queue} selection={selection} />
      </Panel>
      <Panel title={selection.user ? `Queue of ${selection.user}` : "Queue"} className="future-queue" version={version}>
        <QueueTable queue={queue} partitions={snapshot.partitions} selection={selection} />
      </Panel>
      <div className="future-side">
        {chosen ? (
          <Panel title={`Job ${chosen.job.id}`} className="pane-detail" version={`${version} ${chosen.job.id}`}>
            <PendingDetail row={chosen} queued={queue.rows.length} now={version} selection={selection} />
          </Panel>
        ) : (
          <>
            <Panel title="Will it run now?" version="form">
              <WindowForm snapshot={snapshot} selection={selection} />
            </Panel>
            <Panel title="What fits into the gaps" version={version}>
              <BackfillCharts timestamp={version} />
            </Panel>
            <Panel title="How right the estimates were" version={version}>
              <PredictionChart timestamp={version} />
            </Panel>
          </>
        )}
      </div>
    </div>
  );
}

function hours(value: number): string {
  return value < 48 ? counted(Math.round(value), "hour") : counted(Math.round(value / 24), "day");
}

function Maintenance({ reservations, now }: { reservations: Live["snapshot"]["reservations"]; now: number }) {
  const coming = reservations.filter((one) => one.maintenance && one.end > now).sort((a, b) => a.start - b.start);
  return coming.map((one) => (
    <p key={`${one.name} ${one.start}`} className="maintenance">
      Maintenance <b>{one.name}</b> {one.start > now ? `from ${moment(one.start)}` : "since now"} until{" "}
      {moment(one.end)} on {counted(one.nodes.length, "node")}: jobs whose limit reaches into it wait until it is over.
    </p>
  ));
}
