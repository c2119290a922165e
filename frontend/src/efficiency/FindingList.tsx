import type { Run, RunWarning } from "../api/finished";
import { useSite } from "../api/useLive";
import { Shape } from "../components/Shape";
import { amount, count, counted, lasted, moment, share } from "../lib/format";
import type { Window } from "../lib/window";
import { type Finding, findings, fitting, held, sentence } from "./findings";
import type { JobView, Judged } from "./jobView";
import { RuleDetails } from "./RuleDetails";
import { CostOf, FitLine, Warned } from "./RunDetail";

interface Props {
  view: Judged;
  /** What the judgement was made of. */
  window: Window;
  /** What the job did since its start, once that is known. */
  run?: Run | null | undefined;
}

/** Each warning with its proof and what to do; a plain word when there is none. */
export function FindingList({ view, window, run = null }: Props) {
  const { settings } = useSite();
  const found = findings(view);
  const now = new Set(found.map(({ rule }) => rule.id));
  const before = (run?.warnings ?? []).filter((warning) => warning.held && !now.has(warning.rule));
  return (
    <>
      {found.length === 0 && "job" in view && <NoFinding view={view} grace={settings.graceTime} />}
      {(found.length > 0 || before.length > 0) && (
        <section className="findings" aria-label="What needs attention">
          {found.map((finding) => (
            <article key={finding.rule.id} className="finding" data-rule={finding.rule.id}>
              <h3>
                <Shape mark="warn" /> {finding.rule.title}
              </h3>
              <p>{sentence(finding, view, settings)}</p>
              <p className="advice">{finding.rule.advice}</p>
              <p className="proof">
                Seen {held(finding, view, settings)}.{" "}
                <Cost finding={finding} past={run?.warnings.find((warning) => warning.rule === finding.rule.id)} />
              </p>
              <RuleDetails rule={finding.rule} />
            </article>
          ))}
          {before.map((warning) => (
            <Warned key={warning.rule} warning={warning} earlier />
          ))}
          {"job" in view && <Fitting view={view} window={window} run={run} />}
        </section>
      )}
    </>
  );
}

// Since the start where that is known, else over the minutes that are judged.
function Cost({ finding: { rule, wasted }, past }: { finding: Finding; past: RunWarning | undefined }) {
  if (past) {
    return (
      <>
        First at {moment(past.since)}; it was so in {lasted(past.fired)} of {lasted(past.seen)} that were judged (
        {share(past.fired, past.seen)}). <CostOf warning={past} words="Cost so far" />
      </>
    );
  }
  return rule.waste && wasted > 0 ? (
    <>
      Lost meanwhile:{" "}
      <b>
        {amount(wasted)} {rule.waste.unit}
      </b>
      .
    </>
  ) : null;
}

function Fitting({ view, window, run }: { view: JobView; window: Window; run: Run | null }) {
  if (run?.fitText) return <FitLine run={run} />;
  const { cores, memory } = fitting(view, window);
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
