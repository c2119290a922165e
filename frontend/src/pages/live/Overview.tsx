// The first line of the page: is anything wrong, and how full is the cluster?
import { useMemo } from "react";
import { Link } from "react-router";
import { Meter } from "../../components/Meter";
import { Shape } from "../../components/Shape";
import { findings } from "../../efficiency/findings";
import type { JobView } from "../../efficiency/jobView";
import { count, counted, memory, percent, share } from "../../lib/format";
import type { Mark } from "../../lib/marks";
import { lastUser } from "../../lib/remember";
import { Announcer } from "./Announcer";
import type { Model } from "./model";
import type { Selection } from "./selection";

export function Overview({ model, selection }: { model: Model; selection: Selection }) {
  const { cores, gpus, memory: mem, nodes } = model.totals;
  return (
    <section className="overview" aria-label="The cluster at a glance">
      <div className="verdicts">
        <Verdict model={model} selection={selection} />
        {!selection.user && <Own model={model} selection={selection} />}
      </div>
      <div className="figures">
        <Figure
          title="Cores"
          tone="cpu-user"
          used={cores.used}
          of={cores.of}
          text={`${count(cores.used)} of ${count(cores.of)}`}
        />
        {gpus.of > 0 && (
          <Figure
            title="GPUs"
            tone="gpu"
            used={gpus.used}
            of={gpus.of}
            text={`${count(gpus.used)} of ${count(gpus.of)}`}
          />
        )}
        {mem.of > 0 && (
          <Figure
            title="Memory"
            tone="mem"
            used={mem.used}
            of={mem.of}
            text={`${memory(mem.used)} of ${memory(mem.of)}`}
          />
        )}
        <Figure
          title="Nodes up"
          tone="muted"
          used={nodes.up}
          of={nodes.of}
          text={`${count(nodes.up)} of ${count(nodes.of)}`}
        />
      </div>
    </section>
  );
}

function Figure(props: { title: string; tone: string; used: number; of: number; text: string }) {
  const { title, tone, used, of, text } = props;
  return (
    <div className="figure">
      <span className="figure-title">{title}</span>
      <b>{share(used, of)}</b>
      <span className="muted">{text}</span>
      <Meter parts={[{ value: used / of, tone }]} label={`${title}: ${text}, ${percent((100 * used) / of)}`} />
    </div>
  );
}

function Verdict({ model, selection }: { model: Model; selection: Selection }) {
  const { user } = selection;
  const { running, troubled, unknown, what } = useMemo(() => {
    const running = model.jobs.filter((view) => view.running && (!user || view.job.user === user));
    const troubled = running.filter((view) => view.mark === "warn" || view.mark === "bad");
    const unknown = running.filter((view) => view.mark === "unknown").length;
    return { running, troubled, unknown, what: kinds(troubled) };
  }, [model, user]);
  const jobs = `${counted(running.length, "running job")}${user ? ` of ${user}` : ""}`;
  const mark: Mark = troubled.some((view) => view.mark === "bad") ? "bad" : troubled.length > 0 ? "warn" : "ok";
  const news = `${count(troubled.length)} of ${jobs} ${troubled.length === 1 ? "needs" : "need"} attention.`;
  return (
    <p className="verdict">
      <Announcer words={troubled.length ? news : ""} key={user} />
      <Shape mark={unknown === running.length ? "unknown" : mark} />
      <span>
        {running.length === 0 ? (
          <b>{user ? `${user} has no jobs running.` : "No jobs running."}</b>
        ) : troubled.length > 0 ? (
          <>
            <Link to={selection.to({ sort: null, state: "attention", view: "jobs", job: null, node: null })}>
              <b>
                {count(troubled.length)} of {jobs}
              </b>
            </Link>{" "}
            {troubled.length === 1 ? "needs" : "need"} attention: {what}.
          </>
        ) : unknown < running.length ? (
          <b>All is well with {unknown > 0 ? `${count(running.length - unknown)} of ${jobs}` : jobs}.</b>
        ) : (
          <b>{unjudged(running, jobs)}</b>
        )}
        {unknown > 0 && unknown < running.length && (
          <> {counted(unknown, "job")} cannot be judged: no data on their cores.</>
        )}
      </span>
    </p>
  );
}

/** The user whose jobs were looked at last, on a first look at everybody's. */
function Own({ model, selection }: { model: Model; selection: Selection }) {
  const last = useMemo(lastUser, []);
  const user = model.users.find(({ name }) => name === last);
  if (user === undefined || last === "") return null;
  const words =
    user.running === 0
      ? "nothing is running"
      : user.known === 0
        ? `${counted(user.running, "running job")}, none of which can be judged`
        : user.warned > 0
          ? `${count(user.warned)} of ${counted(user.running, "running job")} ${user.warned === 1 ? "needs" : "need"} attention`
          : `${counted(user.running, "running job")}, nothing to complain about`;
  return (
    <p className="last-user">
      <Shape mark={user.running ? user.mark : "ok"} label="" />
      <span>
        You looked at{" "}
        <Link to={selection.to({ user: user.name, view: "jobs", job: null, node: null })}>
          <b>{user.name}</b>
        </Link>{" "}
        last: {words}.
      </span>
    </p>
  );
}

/** Say why none of the running jobs can be judged. */
function unjudged(running: readonly JobView[], jobs: string): string {
  const shared = running.every((view) => view.job.hosts.every((host) => host.cores === 0));
  return shared
    ? `${jobs} ${running.length === 1 ? "shares" : "share"} the cores: nobody asked for any, nothing is wasted.`
    : `No data on the cores of ${jobs}: nothing can be judged.`;
}

function kinds(jobs: readonly JobView[]): string {
  const counts = new Map<string, number>();
  for (const view of jobs) {
    for (const { rule } of findings(view)) counts.set(rule.title, (counts.get(rule.title) ?? 0) + 1);
  }
  return [...counts]
    .sort((a, b) => b[1] - a[1])
    .map(([title, n]) => `${title.toLowerCase().replace("gpu", "GPU").replace("i/o", "I/O")} (${count(n)})`)
    .join(", ");
}
