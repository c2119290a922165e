import type { Run } from "../../api/finished";
import { useSite } from "../../api/useLive";
import { Shape } from "../../components/Shape";
import { amount, count, counted, moment, span } from "../../lib/format";
import { type Finding, findings, fitting, held, sentence } from "./findings";
import type { JobView, Model, NodeView } from "./model";
import { costOf, FitLine } from "./RunDetail";

/** Each warning with its proof and what to do; a plain word when there is none. */
export function FindingList({ view, model, run = null }: { view: JobView | NodeView; model: Model; run?: Run | null }) {
  const { settings } = useSite();
  const found = findings(view);
  if (found.length === 0) return "job" in view ? <NoFinding view={view} grace={settings.graceTime} /> : null;
  return (
    <section className="findings" aria-label="What needs attention">
      {found.map((finding) => (
        <article key={finding.rule.id} className="finding" data-rule={finding.rule.id}>
          <h3>
            <Shape mark="warn" /> {finding.rule.title}
          </h3>
          <p>{sentence(finding, view, settings)}</p>
          <p className="advice">{finding.rule.advice}</p>
          <p className="muted">
            Seen {held(finding, view, settings)}
            {since(finding, run)}.{cost(finding, run)}
          </p>
        </article>
      ))}
      {run?.fitText ? <FitLine run={run} /> : "job" in view && <Fitting view={view} model={model} />}
    </section>
  );
}

/** Say since when a rule has fired, when that is known. */
function since({ rule }: Finding, run: Run | null): string {
  const whole = run?.warnings.find((warning) => warning.rule === rule.id);
  return whole ? `, first at ${moment(whole.since)}, for ${span(whole.fired)} in all` : "";
}

/** Say what it has cost since the start, or over the last minutes while that is not known. */
function cost(finding: Finding, run: Run | null): string {
  const whole = run?.warnings.find((warning) => warning.rule === finding.rule.id);
  return whole ? costOf(whole).replace("Lost:", "Lost since the start:") : lost(finding);
}

function lost({ rule, wasted }: Finding): string {
  return rule.waste && wasted > 0 ? ` Lost meanwhile: ${amount(wasted)} ${rule.waste.unit}.` : "";
}

function Fitting({ view, model }: { view: JobView; model: Model }) {
  const { cores, memory } = fitting(view, model.window);
  const parts = [
    cores === null ? "" : counted(cores, "core"),
    memory === null ? "" : `${count(memory)} GiB of memory${view.job.hosts.length > 1 ? " per node" : ""}`,
  ].filter(Boolean);
  if (parts.length === 0) return null;
  return (
    <p className="fit">
      What it was seen to use lately would have fitted into <b>{parts.join(" and ")}</b>.
    </p>
  );
}

function NoFinding({ view, grace }: { view: JobView; grace: number }) {
  if (!view.running) return null;
  const young = view.minutes !== null && view.minutes <= grace;
  const text = young
    ? `Not judged yet: a job is left alone for its first ${counted(grace, "minute")}.`
    : view.mark === "unknown"
      ? "Nothing is known about its use of the cores, so it is not judged."
      : "Nothing to complain about.";
  return (
    <p className="no-finding">
      <Shape mark={young ? "unknown" : view.mark} /> {text}
    </p>
  );
}
