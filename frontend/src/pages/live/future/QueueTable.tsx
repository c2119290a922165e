import { useMemo } from "react";
import { Link } from "react-router";
import { SearchField } from "../../../components/SearchField";
import { type ColumnOf, VirtualTable } from "../../../components/VirtualTable";
import { clock, count, duration, moment, span } from "../../../lib/format";
import type { Selection } from "../selection";
import { type Queue, sortQueue, type Waiting } from "./queue";
import { explain } from "./reasons";

interface Props {
  queue: Queue;
  partitions: readonly string[];
  selection: Selection;
}

/** The queue by job; an array is one row. */
export function QueueTable({ queue, partitions, selection }: Props) {
  const { user, partition, q, sort } = selection;
  const rows = useMemo(() => {
    const words = (q ?? "").toLowerCase().split(/\s+/).filter(Boolean);
    const fits = ({ job }: Waiting) =>
      (!user || job.user === user) &&
      (!partition || job.partition.split(",").includes(partition)) &&
      words.every((word) =>
        [job.id, job.name, job.user, job.account, job.reason].some((text) => text.toLowerCase().includes(word)),
      );
    return sortQueue(queue.rows.filter(fits), sort);
  }, [queue, user, partition, q, sort]);
  const gpus = queue.rows.some((row) => row.job.gpus > 0);
  return (
    <>
      <div className="tools">
        <SearchField
          label="Find waiting jobs by number, name, user, account or reason"
          placeholder="Find job, name, user, account, reason"
          value={q ?? ""}
          onChange={(value) => selection.set({ q: value })}
        />
        {partitions.length > 1 && (
          <select
            aria-label="Partition"
            value={partition ?? ""}
            onChange={(event) => selection.set({ partition: event.target.value })}
          >
            <option value="">All partitions</option>
            {partitions.map((name) => (
              <option key={name}>{name}</option>
            ))}
          </select>
        )}
        {user && (
          <button type="button" className="quiet" onClick={() => selection.set({ user: null }, false)}>
            Show all users
          </button>
        )}
      </div>
      <VirtualTable
        caption="Waiting jobs"
        columns={columns(selection, gpus)}
        rows={rows}
        rowKey={(row) => row.job.id}
        sort={sort ?? "start"}
        onSort={(key) => selection.set({ sort: key === sort ? null : key })}
        selected={selection.job}
        empty={queue.rows.length ? "No waiting job fits this choice." : "No job waits."}
      />
    </>
  );
}

function columns(selection: Selection, gpus: boolean): ColumnOf<Waiting>[] {
  const all: ColumnOf<Waiting>[] = [
    {
      key: "job",
      title: "Job",
      className: "grow",
      sortable: true,
      cell: ({ job }) => (
        <Link
          to={selection.to({ job: job.id === selection.job ? null : job.id })}
          aria-current={job.id === selection.job ? "true" : undefined}
          title={`${job.id} ${job.name}`}
        >
          <b>{job.id}</b> <span className="name">{job.name}</span>
        </Link>
      ),
    },
    { key: "user", title: "User", className: "user", sortable: true, cell: ({ job }) => job.user },
    {
      key: "tasks",
      title: "Tasks",
      hint: "Tasks of an array that wait",
      className: "num narrow opt",
      sortable: true,
      cell: ({ tasks }) => (tasks > 1 ? `× ${count(tasks)}` : ""),
    },
    { key: "cores", title: "Cores", className: "num narrow", sortable: true, cell: ({ job }) => count(job.cpus) },
    { key: "gpus", title: "GPUs", className: "num narrow opt", cell: ({ job }) => (job.gpus ? count(job.gpus) : "") },
    {
      key: "hours",
      title: "Limit",
      hint: "Time limit; sorts by core-hours",
      className: "num opt",
      sortable: true,
      cell: ({ job }) => (job.timeLimit === null ? "none" : duration(job.timeLimit)),
    },
    {
      key: "reason",
      title: "Waits for",
      className: "reason",
      cell: ({ job }) => <span title={explain(job.reason).words}>{job.reason || "not looked at yet"}</span>,
    },
    {
      key: "priority",
      title: "Rank",
      hint: "Place in the order of priority",
      className: "num narrow opt",
      sortable: true,
      cell: ({ job, rank }) => (
        <span title={job.priority === null ? "" : `priority ${job.priority}`}>{count(rank)}</span>
      ),
    },
    { key: "age", title: "Age", className: "num opt", sortable: true, cell: ({ age }) => span(age) },
    {
      key: "start",
      title: "Start",
      hint: "As the scheduler estimates it",
      className: "num when",
      sortable: true,
      cell: ({ job }) => (job.start ? <Start at={job.start} /> : <span className="muted">not known</span>),
    },
  ];
  return all.filter((column) => column.key !== "gpus" || gpus);
}

function Start({ at }: { at: number }) {
  const today = new Date(at * 1000).toDateString() === new Date().toDateString();
  return <span title={moment(at)}>{today ? clock(at, false) : moment(at)}</span>;
}
