// The columns of the list of jobs.
import { Link } from "react-router";
import { Meter } from "../../components/Meter";
import { Sparkline } from "../../components/Sparkline";
import type { ColumnOf } from "../../components/VirtualTable";
import type { JobView } from "../../efficiency/jobView";
import { Status } from "../../efficiency/Status";
import { count, duration, memory, moment, percent } from "../../lib/format";
import { endOf } from "./jobList";
import { busyOf, gpuOf, memoryOf } from "./lines";
import type { Model } from "./model";
import type { Selection } from "./selection";

/** The columns; those about GPUs only where a job of the list has some. */
export function jobColumns(model: Model, selection: Selection, gpus: boolean): ColumnOf<JobView>[] {
  const columns: ColumnOf<JobView>[] = [
    {
      key: "job",
      title: "Job",
      className: "grow",
      sortable: true,
      cell: (view) => (
        <Link
          to={selection.to(
            view.job.id === selection.job ? { job: null, node: null } : { job: view.job.id, node: null },
          )}
          aria-current={view.job.id === selection.job ? "true" : undefined}
          title={`${view.job.id} ${view.job.name}`}
        >
          <b>{view.job.id}</b> <span className="name">{view.job.name}</span>
        </Link>
      ),
    },
    { key: "user", title: "User", className: "user", sortable: true, cell: (view) => view.job.user },
    { key: "partition", title: "Partition", className: "w2", sortable: true, cell: (view) => view.job.partition },
    { key: "account", title: "Account", className: "w3", sortable: true, cell: (view) => view.job.account },
    { key: "attention", title: "Status", className: "status", sortable: true, cell: (view) => <Status view={view} /> },
    {
      key: "nodes",
      title: "Nodes",
      className: "num w2",
      sortable: true,
      cell: ({ job }) => (job.hosts.length === 1 ? job.hosts[0]?.host : count(job.hosts.length || job.nNodes)),
    },
    { key: "cores", title: "Cores", className: "num", sortable: true, cell: (view) => count(view.job.cpus) },
    {
      key: "gpus",
      title: "GPUs",
      className: "num gpu-count",
      sortable: true,
      cell: (view) => (view.job.gpus ? count(view.job.gpus) : ""),
    },
    {
      key: "time",
      title: "Time",
      hint: "Run so far, of the limit",
      className: "bar opt",
      sortable: true,
      cell: (view) => <Time view={view} />,
    },
    {
      key: "ends",
      title: "Limit at",
      hint: "When the job's time limit ends it",
      className: "num when w3",
      sortable: true,
      cell: (view) => (view.running ? moment(endOf(view)) : ""),
    },
    {
      key: "cpu",
      title: "CPU",
      hint: "Busy cores, over the last minutes and now",
      className: "bar wide",
      sortable: true,
      cell: (view) => <Cpu view={view} model={model} />,
    },
    {
      key: "memory",
      title: "Memory",
      hint: "Used over the last minutes and now; dashed: the request",
      className: "bar wide mem",
      sortable: true,
      cell: (view) => <Memory view={view} model={model} />,
    },
    {
      key: "gpu",
      title: "GPU",
      hint: "Busy GPUs, over the last minutes and now",
      // There is room for it once the column of users is gone.
      className: selection.user ? "bar wide gpu-line" : "bar wide gpu-line w1",
      sortable: true,
      cell: (view) => <Gpu view={view} model={model} />,
    },
  ];
  return columns.filter((column) => (column.key !== "user" || !selection.user) && (gpus || !/^gpu/.test(column.key)));
}

function Time({ view }: { view: JobView }) {
  const { timeLimit } = view.job;
  if (view.minutes === null || view.job.state === "PENDING")
    return <span className="muted">{timeLimit ? `≤ ${duration(timeLimit)}` : ""}</span>;
  const limit = timeLimit === null ? "no limit" : duration(timeLimit);
  return (
    <span title={`${duration(view.minutes)} of ${limit}`}>
      {duration(view.minutes)}
      {timeLimit !== null && view.running && (
        <Meter parts={[{ value: view.minutes / timeLimit, tone: "muted" }]} label={`of ${limit}`} />
      )}
    </span>
  );
}

const rowsOf = (model: Model, view: JobView) => model.window.jobs.of.get(view.job.id) ?? [];

function Cpu({ view, model }: { view: JobView; model: Model }) {
  if (!view.running) return null;
  return (
    <span className="with-spark">
      <Sparkline values={busyOf(model.window, rowsOf(model, view))} tone="cpu-user" />
      {percent(view.cpu)}
    </span>
  );
}

function Memory({ view, model }: { view: JobView; model: Model }) {
  if (!view.running) return null;
  const { memReq, hosts } = view.job;
  const asked = memReq ? memReq * Math.max(1, hosts.length) : null;
  const label = asked ? `of ${memory(asked)}` : "request not known";
  const values = memoryOf(model.window, rowsOf(model, view));
  let most = asked ?? 0;
  for (const value of values) if (value > most) most = value;
  return (
    <span className="with-spark" title={`${memory(view.mem)} ${label}`}>
      <Sparkline values={values} tone="mem" top={most * 1.05} limit={asked} />
      {memory(view.mem)}
    </span>
  );
}

function Gpu({ view, model }: { view: JobView; model: Model }) {
  if (!view.running || view.job.gpus === 0) return null;
  return (
    <span className="with-spark">
      <Sparkline values={gpuOf(model.window, rowsOf(model, view))} tone="gpu" />
      {percent(view.gpu)}
    </span>
  );
}
