import { Link } from "react-router";
import type { JobRow } from "../../../api/batch";
import type { ColumnOf } from "../../../components/VirtualTable";
import { lasted, moment, UNKNOWN } from "../../../lib/format";
import { byWhom } from "../origin";
import { State } from "../State";
import type { Selection } from "../selection";
import { endingOf, ranOf } from "./jobView";

/** The columns of the list of jobs. */
export function jobColumns(selection: Selection, now: number): ColumnOf<JobRow>[] {
  return [
    {
      key: "job",
      title: "Job",
      className: "grow",
      cell: (row) => {
        const chosen = String(row.job_id) === selection.job;
        return (
          <Link
            to={selection.to({ job: chosen ? null : String(row.job_id), form: null, show: null })}
            aria-current={chosen ? "true" : undefined}
            title={`${row.job_id} ${row.command ?? row.name}`}
          >
            <b>{row.job_id}</b> <span className="name">{row.name}</span>
          </Link>
        );
      },
    },
    {
      key: "status",
      title: "State",
      className: "wide-state",
      cell: (row) => (
        <State status={row.unknown ? "unclear" : row.status} more={endingOf(row).replace("return code", "code")} />
      ),
    },
    {
      key: "user",
      title: "By",
      hint: "Who asked for it",
      className: "user opt",
      cell: (row) => byWhom(row.origin, row.submitted_by),
    },
    { key: "queue", title: "Queue", className: "user opt", cell: (row) => row.queue || UNKNOWN },
    {
      key: "source",
      title: "From",
      hint: "The crontab entry or the run that asked for it",
      className: "user opt",
      cell: (row) => (row.run_id ? `run ${row.run_id} ${row.stage ?? ""}` : (row.cron ?? "")),
    },
    {
      key: "at",
      title: "Asked for",
      className: "num when",
      cell: (row) => moment(row.created_at),
    },
    { key: "ran", title: "Ran", className: "num ran", cell: (row) => lasted(ranOf(row, now)) },
  ];
}
