// What a job has used over its whole run, and what the rules say of it: of an ended job everything, of a running one its warnings.
import type { Run, RunWarning } from "../api/finished";
import { CopyButton } from "../components/CopyButton";
import { Meter } from "../components/Meter";
import { Shape } from "../components/Shape";
import { amount, counted, duration, lasted, memory, moment, percent, share } from "../lib/format";
import { rules } from "../lib/rules";
import { RuleDetails } from "./RuleDetails";

/** The parts of what a job held that it has used; `until` is the end of what is told, or of the run. */
export function RunEfficiency({ run, until = run.end }: { run: Run; until?: number | null }) {
  const ran = until !== null && run.start !== null ? until - run.start : null;
  const asked = run.memReq ? (100 * (run.memMax ?? Number.NaN)) / run.memReq : Number.NaN;
  return (
    <ul className="efficiency" aria-label="Efficiency over the run">
      <Part
        title="CPU"
        tone="cpu-user"
        share={run.cpu}
        words={run.cpuPeak ? `at most ${amount(run.cpuPeak)} of ${counted(run.cpus, "core")} busy` : ""}
      />
      <Part
        title="Memory"
        tone="mem"
        share={Number.isFinite(asked) ? asked : null}
        words={run.memMax ? `${memory(run.memMax)}${run.memReq ? ` of ${memory(run.memReq)}` : ""}` : ""}
      />
      {run.gpus > 0 && (
        <Part
          title="GPU"
          tone="gpu"
          share={run.gpu}
          words={run.gpuMem ? `${memory(run.gpuMem)} of GPU memory at most` : ""}
        />
      )}
      <Part
        title="Time"
        tone="accent"
        share={run.walltimeUsed}
        words={ran === null ? "" : `${duration(ran / 60)} of ${run.timeLimit ? duration(run.timeLimit) : "no limit"}`}
      />
    </ul>
  );
}

function Part(props: { title: string; tone: string; share: number | null; words: string }) {
  const { title, tone, share: used, words } = props;
  return (
    <li>
      <span>{title}</span>
      <Meter parts={[{ value: (used ?? 0) / 100, tone }]} label={`${title}: ${percent(used)}`} />
      <b>{percent(used)}</b>
      <span className="muted">{words}</span>
    </li>
  );
}

/** The warnings that held over the whole run, and the request that would have fitted. */
export function RunWarnings({ run }: { run: Run }) {
  const held = run.warnings.filter((warning) => warning.held);
  return (
    <section className="findings" aria-label="What was wasted">
      {held.map((warning) => (
        <Warned key={warning.rule} warning={warning} />
      ))}
      {held.length === 0 && (
        <p className="no-finding">
          <Shape mark={run.seen > 0 ? "ok" : "unknown"} />{" "}
          {run.seen > 0 ? "Nothing to complain about." : "Nobody watched its use of the cores, so it is not judged."}
        </p>
      )}
      <FitLine run={run} />
    </section>
  );
}

/** A rule that held over a run, with its proof. */
export function Warned({ warning, earlier = false }: { warning: RunWarning; earlier?: boolean }) {
  const rule = rules.find((one) => one.id === warning.rule);
  return (
    <article className="finding" data-rule={warning.rule}>
      <h3>
        <Shape mark="warn" /> {rule?.title ?? warning.rule}
        {earlier && <span className="muted"> earlier in this run</span>}
      </h3>
      <p>{warning.text}</p>
      {rule && <p className="advice">{rule.advice}</p>}
      <p className="proof">
        From {moment(warning.since)} to {moment(warning.until)}, in {lasted(warning.fired)} of {lasted(warning.seen)}{" "}
        that were judged ({share(warning.fired, warning.seen)}). <CostOf warning={warning} words="Lost" />
      </p>
      {rule && <RuleDetails rule={rule} />}
    </article>
  );
}

/** What a warning has cost since the start. */
export function CostOf({ warning: { cost, unit }, words }: { warning: RunWarning; words: string }) {
  if (!unit || !(cost > 0)) return null;
  return (
    <>
      {words}:{" "}
      <b>
        {amount(cost)} {unit}
      </b>
      .
    </>
  );
}

/** The request that would have fitted, as a sentence and as a line to copy. */
export function FitLine({ run }: { run: Run }) {
  if (!run.fitText) return null;
  return (
    <div className="fit">
      <p>
        <b>{run.fitText}</b>
      </p>
      <p className="command">
        <code>{run.fitLine}</code> <CopyButton text={run.fitLine} />
      </p>
    </div>
  );
}
