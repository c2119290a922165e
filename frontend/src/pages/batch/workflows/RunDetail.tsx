import { Link } from "react-router";
import type { RunAnswer, Workflow } from "../../../api/batch";
import { useAct, useBatch } from "../../../api/useBatch";
import { usePerson } from "../../../api/usePerson";
import { ActionButton } from "../../../components/ActionButton";
import { FactList } from "../../../components/FactList";
import { lasted, moment } from "../../../lib/format";
import { useNow } from "../../../lib/useNow";
import { Answer } from "../Answer";
import { endingOf, ranOf } from "../jobs/jobView";
import { byWhom } from "../origin";
import { sentence } from "../problems";
import { State } from "../State";
import { toJob, toRun } from "../selection";
import { Timeline } from "../Timeline";
import { Withheld } from "../Withheld";
import { paramsOf, type StageView, stagesOf, tookOf } from "./runView";
import { StageGraph } from "./StageGraph";

/** One run: where its stages are, the rules that fired, and its jobs. */
export function RunDetail({ number, workflows }: { number: number | undefined; workflows: readonly Workflow[] }) {
  const query = useBatch<RunAnswer>(number === undefined ? undefined : `runs/${number}`);
  const now = useNow(5);
  if (number === undefined) return <p className="empty">There is no such run.</p>;
  return (
    <Answer query={query}>
      {({ run, stages, jobs, fires }) => {
        const views = stagesOf(
          { run, stages },
          workflows.find((one) => one.name === run.workflow),
        );
        return (
          <div className="detail">
            <p className="lead">
              <State status={run.status} /> <span className="name">{run.workflow}</span>
            </p>
            {run.reason && <p className="why">{sentence(run.reason)}</p>}
            <Stop number={number} status={run.status} />
            {run.params === undefined && (
              <Withheld to="whoever started it and to operators">
                Its parameters, and what the rules decided, are
              </Withheld>
            )}
            <FactList
              facts={[
                ["Parameters", paramsOf(run)],
                ["Started by", byWhom(run.origin, run.started_by)],
                ["Started", run.started_at && moment(run.started_at)],
                ["Ended", run.finished_at && moment(run.finished_at)],
                ["Took", run.started_at && lasted(tookOf(run, now))],
                ["Part of", run.parent_run_id && <Link to={toRun(run.parent_run_id)}>run {run.parent_run_id}</Link>],
                ["SHA-256", <code key="sha">{run.sha256.slice(0, 12)}</code>],
              ]}
            />
            <h3>Stages</h3>
            <StageGraph stages={views} states={new Map(views.map((view) => [view.name, view.status]))} />
            <StageList number={number} over={!["queued", "running"].includes(run.status)} stages={views} />
            <h3>Rules that fired</h3>
            <Timeline
              entries={fires.map((fire, i) => ({
                key: i,
                at: fire.at,
                text: (
                  <>
                    <b>{fire.stage}</b> {restOf(fire.text, fire.stage)}{" "}
                    {fire.job_id !== null && <Link to={toJob(fire.job_id)}>job {fire.job_id}</Link>}
                  </>
                ),
              }))}
            />
            <h3>Jobs</h3>
            <ul className="attempts">
              {jobs.map((job) => (
                <li key={job.job_id}>
                  <span>
                    <Link to={toJob(job.job_id)}>job {job.job_id}</Link> {job.stage}
                  </span>
                  <State status={job.unknown ? "unclear" : job.status} more={endingOf(job)} />
                  <span className="muted">{job.started_at !== null && lasted(ranOf(job, now))}</span>
                </li>
              ))}
            </ul>
          </div>
        );
      }}
    </Answer>
  );
}

/** A rule's decision without the name of its stage at the beginning, which stands before it. */
const restOf = (text = "", stage: string): string =>
  text.startsWith(`${stage} `) ? text.slice(stage.length + 1) : text;

function Stop({ number, status }: { number: number; status: string }) {
  const act = useAct();
  const { data: person } = usePerson();
  if (!["queued", "running"].includes(status)) return null;
  if (!person?.staff) return <p className="muted">Operators and administrators may stop runs.</p>;
  return (
    <div className="actions">
      <ActionButton
        title="Stop"
        confirm={{
          question: `Stop run ${number}? Its jobs are cancelled; its final stage still runs.`,
          yes: "Yes, stop it",
        }}
        onAct={() => act("POST", `runs/${number}/stop`)}
      />
    </div>
  );
}

function StageList({ number, over, stages }: { number: number; over: boolean; stages: readonly StageView[] }) {
  const act = useAct();
  const { data: person } = usePerson();
  return (
    <ul className="attempts">
      {stages.map((stage) => (
        <li key={stage.name}>
          <span>
            <b>{stage.name}</b>
            {stage.visits > 1 && <span className="muted"> × {stage.visits}</span>}
          </span>
          <State status={stage.status} />
          <span>{stage.job_id !== null && <Link to={toJob(stage.job_id)}>job {stage.job_id}</Link>}</span>
          {person?.staff && stage.status === "held" && (
            <ActionButton title="Release" onAct={() => act("POST", `runs/${number}/release`, { stage: stage.name })} />
          )}
          {person?.staff && over && stage.visits > 0 && (
            <ActionButton
              title="Run again"
              confirm={{ question: `Run again from ${stage.name}?`, yes: "Yes, run it" }}
              onAct={() => act("POST", `runs/${number}/rerun`, { stage: stage.name })}
            />
          )}
        </li>
      ))}
    </ul>
  );
}
