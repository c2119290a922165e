// The columns of the list of jobs.
import { Link } from "react-router";
import { Meter } from "../../components/Meter";
import { Shape } from "../../components/Shape";
import { Sparkline } from "../../components/Sparkline";
import type { ColumnOf } from "../../components/VirtualTable";
import { count, duration, memory, percent } from "../../lib/format";
import { findings } from "./findings";
import { busyOf, type JobView, type Model } from "./model";
import type { Selection } from "./selection";

/** Write a scheduler's state as a word: "OUT_OF_MEMORY" is "Out of memory". */
export function stateWord(state: string): string {
  if (state === "attention") return "Needs attention";
  const words = state.toLowerCase().replaceAll("_", " ");
  return words ? words.charAt(0).toUpperCase() + words.slice(1) : "Unknown";
}

export function jobColumns(model: Model, selection: Selection): ColumnOf<JobView>[] {
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
    { key: "attention", title: "Status", className: "status", sortable: true, cell: (view) => <Status view={view} /> },
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
      hint: "Used, of the request",
      className: "bar",
      sortable: true,
      cell: (view) => <Memory view={view} />,
    },
  ];
  return columns.filter(
    (column) => (column.key !== "user" || !selection.user) && (column.key !== "gpus" || model.totals.gpus.of > 0),
  );
}

export function Status({ view }: { view: JobView }) {
  const { job, running, mark } = view;
  if (!running) {
    const failed = /FAIL|TIMEOUT|OUT_OF_MEMORY|NODE_FAIL|BOOT_FAIL|DEADLINE/.test(job.state);
    const reason = job.state === "PENDING" && job.reason && job.reason !== "None" ? `: ${job.reason}` : "";
    return (
      <span className="state-word" title={`${stateWord(job.state)}${reason}`}>
        {failed ? <Shape mark="bad" label="" /> : <i className="no-shape" />}
        <span>
          {stateWord(job.state)}
          {reason}
        </span>
      </span>
    );
  }
  const found = findings(view);
  const titles = found.map(({ rule }) => rule.title);
  const words = titles.length ? titles[0] : mark === "unknown" && Number.isNaN(view.mem) ? "No data" : "Running";
  return (
    <span className={`state-word ${mark}`} title={titles.join(", ") || words}>
      <Shape mark={mark} label="" />
      <span>{words}</span>
      {titles.length > 1 && <span className="muted"> +{titles.length - 1}</span>}
    </span>
  );
}

function Time({ view }: { view: JobView }) {
  const { timeLimit } = view.job;
  if (view.minutes === null) return <span className="muted">{timeLimit ? `≤ ${duration(timeLimit)}` : ""}</span>;
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

function Cpu({ view, model }: { view: JobView; model: Model }) {
  if (!view.running) return null;
  return (
    <span className="with-spark">
      <Sparkline values={busyOf(model.window, model.window.jobs.of.get(view.job.id) ?? [])} tone="cpu-user" />
      {percent(view.cpu)}
    </span>
  );
}

function Memory({ view }: { view: JobView }) {
  if (!view.running) return null;
  const { memReq, hosts } = view.job;
  const asked = memReq === null ? null : memReq * Math.max(1, hosts.length);
  const label = asked ? `of ${memory(asked)}` : "request not known";
  return (
    <span title={`${memory(view.mem)} ${label}`}>
      {memory(view.mem)}
      {asked !== null && asked > 0 && <Meter parts={[{ value: view.mem / asked, tone: "mem" }]} label={label} />}
    </span>
  );
}
