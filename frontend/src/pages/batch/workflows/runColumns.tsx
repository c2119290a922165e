import { Link } from "react-router";
import type { Run } from "../../../api/batch";
import type { ColumnOf } from "../../../components/VirtualTable";
import { lasted, moment } from "../../../lib/format";
import { byWhom } from "../origin";
import { State } from "../State";
import type { Selection } from "../selection";
import { paramsOf, tookOf } from "./runView";

/** The columns of the list of runs. */
export function runColumns(selection: Selection, now: number): ColumnOf<Run>[] {
  return [
    {
      key: "run",
      title: "Run",
      className: "grow",
      cell: (row) => {
        const chosen = String(row.run_id) === selection.run;
        return (
          <Link
            to={selection.to({ run: chosen ? null : String(row.run_id), form: null })}
            aria-current={chosen ? "true" : undefined}
            title={`${row.run_id} ${row.workflow} ${paramsOf(row)}`}
          >
            <b>{row.run_id}</b> <span>{row.workflow}</span> <span className="name muted">{paramsOf(row)}</span>
          </Link>
        );
      },
    },
    {
      key: "status",
      title: "State",
      className: "wide-state run-state",
      cell: (row) => (
        <span title={row.reason ?? ""}>
          <State status={row.status} more={row.status === "succeeded" ? "" : (row.reason ?? "")} />
        </span>
      ),
    },
    {
      key: "by",
      title: "By",
      hint: "Who started it",
      className: "user opt",
      cell: (row) => byWhom(row.origin, row.started_by),
    },
    { key: "at", title: "Started", className: "num when", cell: (row) => moment(row.started_at) },
    { key: "took", title: "Took", className: "num ran", cell: (row) => lasted(tookOf(row, now)) },
  ];
}
