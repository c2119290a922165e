import { Link } from "react-router";
import type { CronEntry } from "../../../api/batch";
import type { ColumnOf } from "../../../components/VirtualTable";
import { moment, span } from "../../../lib/format";
import { State } from "../State";
import type { Selection } from "../selection";
import { lagOf, scheduleWords } from "./schedule";

/** The columns of the crontab. */
export function cronColumns(selection: Selection, now: number): ColumnOf<CronEntry>[] {
  return [
    {
      key: "entry",
      title: "Entry",
      className: "grow",
      cell: (row) => {
        const chosen = row.name === selection.entry;
        return (
          <Link
            to={selection.to({ entry: chosen ? null : row.name, form: null })}
            aria-current={chosen ? "true" : undefined}
            title={row.command || row.workflow}
          >
            <b>{row.name}</b>{" "}
            <span className="name muted">{row.workflow ? `workflow ${row.workflow}` : row.command}</span>
          </Link>
        );
      },
    },
    {
      key: "schedule",
      title: "Schedule",
      className: "schedule",
      cell: (row) => <span title={row.schedule}>{scheduleWords(row.schedule) || <code>{row.schedule}</code>}</span>,
    },
    {
      key: "next",
      title: "Next",
      className: "num ran",
      cell: (row) => (row.enabled ? next(row.next[0], now) : "–"),
    },
    {
      key: "when",
      title: "Last due",
      className: "num when opt",
      cell: ({ last }) => (last ? moment(last.scheduled_for) : ""),
    },
    {
      key: "last",
      title: "Outcome",
      className: "wide-state outcome",
      cell: ({ last }) =>
        last ? (
          <span title={last.reason}>
            <State status={last.outcome} more={last.outcome === "fired" ? lagOf(last) : ""} />
          </span>
        ) : (
          <span className="muted">none yet</span>
        ),
    },
    {
      key: "on",
      title: "Fires",
      className: "on-off",
      cell: (row) => <OnOff on={row.enabled} />,
    },
  ];
}

/** Whether an entry fires. */
export function OnOff({ on }: { on: boolean }) {
  return (
    <span className={`batch-state ${on ? "ok" : "warn"}`}>
      <svg viewBox="0 0 12 12" aria-hidden="true">
        <path
          d={
            on
              ? "M6 2.600a3.400 3.400 0 1 1 0 6.800 3.400 3.400 0 0 1 0-6.800Z"
              : "M2.800 2h2.200v8H2.800Zm4.200 0h2.200v8H7Z"
          }
        />
      </svg>
      <span className="word">{on ? "On" : "Paused"}</span>
    </span>
  );
}

const next = (at: number | undefined, now: number): string =>
  at === undefined ? "–" : at <= now ? "now" : `in ${span(at - now)}`;
