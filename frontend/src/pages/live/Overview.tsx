// The first line of the page: is anything wrong, and how full is the cluster?
import { Link } from "react-router";
import { Meter } from "../../components/Meter";
import { Shape } from "../../components/Shape";
import { count, counted, memory, percent, share } from "../../lib/format";
import type { Mark } from "../../lib/marks";
import { findings } from "./findings";
import type { JobView, Model } from "./model";
import type { Selection } from "./selection";

export function Overview({ model, selection }: { model: Model; selection: Selection }) {
  const { cores, gpus, memory: mem, nodes } = model.totals;
  return (
    <section className="overview" aria-label="The cluster at a glance">
      <Verdict model={model} selection={selection} />
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
  const running = model.jobs.filter((view) => view.running && (!user || view.job.user === user));
  const troubled = running.filter((view) => view.mark === "warn" || view.mark === "bad");
  const unknown = running.filter((view) => view.mark === "unknown").length;
  const jobs = `${counted(running.length, "running job")}${user ? ` of ${user}` : ""}`;
  const mark: Mark = troubled.some((view) => view.mark === "bad") ? "bad" : troubled.length > 0 ? "warn" : "ok";
  return (
    <p className="verdict">
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
            {troubled.length === 1 ? "needs" : "need"} attention: {kinds(troubled)}.
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
