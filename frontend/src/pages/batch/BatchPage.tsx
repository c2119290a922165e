import { Link, Navigate, NavLink, Route, Routes } from "react-router";
import { isAbsent } from "../../api/ask";
import type { Overview } from "../../api/batch";
import { useOverview } from "../../api/useBatch";
import { counted } from "../../lib/format";
import { CronView } from "./cron/CronView";
import { JobsView } from "./jobs/JobsView";
import { needsAttention } from "./master/attention";
import { MasterView } from "./master/MasterView";
import { ReleasesView } from "./releases/ReleasesView";
import { State } from "./State";
import { TodoView } from "./TodoView";
import { WorkflowsView } from "./workflows/WorkflowsView";
import "../../styles/batch.css";
import "../../styles/batch-detail.css";
import "../../styles/forms.css";

const views = [
  { name: "jobs", title: "Jobs", view: JobsView },
  { name: "cron", title: "Cron", view: CronView },
  { name: "workflows", title: "Workflows", view: WorkflowsView },
  { name: "releases", title: "Releases", view: ReleasesView },
  { name: "master", title: "Master", view: MasterView },
  { name: "todo", title: "To-do", view: TodoView },
] as const;

/** Jobs that are submitted exactly once, the crontab and the workflows that ask for them, and who does it. */
export function BatchPage() {
  const { data, error } = useOverview();
  if (data === undefined) return error ? <Failed error={error} /> : <p className="state muted">Reading the jobs …</p>;
  return (
    <div className="batch">
      <div className="batch-head">
        <nav className="tabs" aria-label="Batch">
          {views.map(({ name, title }) => (
            <NavLink key={name} to={`/batch/${name}`}>
              {title}
            </NavLink>
          ))}
        </nav>
        <Glance overview={data} />
      </div>
      {error && (
        <p className="notice warn" role="alert">
          {error.message} What is shown may be old; it is tried again every few seconds.
        </p>
      )}
      <Routes>
        {views.map(({ name, view: View }) => (
          <Route key={name} path={name} element={<View overview={data} />} />
        ))}
        <Route path="*" element={<Navigate to="/batch/jobs" replace />} />
      </Routes>
    </div>
  );
}

/** Who acts, and whether somebody should look. */
function Glance({ overview: { master, attention } }: { overview: Overview }) {
  const open = needsAttention(master, attention);
  return (
    <p className="glance">
      {master.holder === null ? (
        <Link to="/batch/master">
          <State status="missed" more="" /> No master acts
        </Link>
      ) : (
        <span className="muted">
          Master <b>{master.holder.split(":")[0]}</b>
        </span>
      )}
      {open > 0 && (
        <Link to="/batch/master" className="warn-text">
          {counted(open, "matter needs", "matters need")} attention
        </Link>
      )}
    </p>
  );
}

function Failed({ error }: { error: Error }) {
  const absent = isAbsent(error);
  return (
    <div className="state" role="alert">
      <h2>
        {absent
          ? "This site does not offer batch here"
          : /^Sign in/.test(error.message)
            ? "Please sign in"
            : "The jobs cannot be read"}
      </h2>
      <p className={absent ? "" : "error-text"}>
        {absent
          ? "Jobs, crontab and workflows are served by a daemon that runs batch. This page is served without one."
          : error.message}
      </p>
      <p>{absent ? <Link to="/">Show the cluster</Link> : "It is tried again every few seconds."}</p>
    </div>
  );
}
