import { Link } from "react-router";
import type { JobAnswer } from "../../../api/batch";
import { useAct, useBatch } from "../../../api/useBatch";
import { usePerson } from "../../../api/usePerson";
import { ActionButton } from "../../../components/ActionButton";
import { useNow } from "../../../lib/useNow";
import { Answer } from "../Answer";
import { byWhom } from "../origin";
import { State } from "../State";
import { type Selection, toJob } from "../selection";
import { hasEnded } from "../states";
import { Timeline } from "../Timeline";
import { Withheld } from "../Withheld";
import { Elsewhere } from "./Elsewhere";
import { JobFacts } from "./JobFacts";
import { JobOutput, JobScript } from "./JobTexts";
import { type Action, actionsOf, endingOf, isElsewhere, reasonOf, refusal } from "./jobView";

/** One job: its state, what can be done with it, its output, and everything that happened to it. */
export function JobDetail({ number, selection }: { number: number | undefined; selection: Selection }) {
  const query = useBatch<JobAnswer>(number === undefined ? undefined : `jobs/${number}`);
  const now = useNow(5);
  if (number === undefined) return <p className="empty">There is no such job.</p>;
  return (
    <Answer query={query}>
      {({ job, events, attempts, folder }) => {
        const why = reasonOf(job);
        return (
          <div className="detail">
            <p className="lead">
              <State status={job.unknown ? "unclear" : job.status} more={endingOf(job)} />
              <span className="name">{job.name}</span>
            </p>
            {why && <p className="why">{why}</p>}
            <Actions answer={{ job, events, attempts, folder }} selection={selection} />
            {job.content ? (
              <p className="command-line">
                <code>{job.command}</code>
              </p>
            ) : (
              <Withheld>Its command, output and script are</Withheld>
            )}
            <JobFacts job={job} now={now} />
            {job.content && <JobOutput job={job} selection={selection} />}
            {isElsewhere(job) && <Elsewhere job={job} selection={selection} />}
            {attempts.length > 0 && (
              <>
                <h3>Attempts</h3>
                <ul className="attempts">
                  {[...attempts, { job_id: job.job_id, attempt: job.attempt, status: job.status }]
                    .sort((a, b) => a.job_id - b.job_id)
                    .map((one) => (
                      <li key={one.job_id}>
                        <span className="muted">Attempt {one.attempt}</span>
                        {one.job_id === job.job_id ? (
                          <b>this job</b>
                        ) : (
                          <Link to={toJob(one.job_id)}>job {one.job_id}</Link>
                        )}
                        <State status={one.status} />
                      </li>
                    ))}
                </ul>
              </>
            )}
            <h3>What happened</h3>
            <Timeline
              entries={events.map((event) => ({
                key: event.event_id,
                at: event.at,
                status: event.status,
                text: event.text,
                who: byWhom(event.origin, event.who) + (event.fence === null ? "" : `, fence ${event.fence}`),
              }))}
            />
            {job.content && <JobScript key={job.job_id} job={job} folder={folder} />}
          </div>
        );
      }}
    </Answer>
  );
}

const titles: Readonly<Record<Action, string>> = {
  cancel: "Cancel",
  rerun: "Run again",
  hold: "Hold",
  release: "Release",
};

function Actions({ answer: { job }, selection }: { answer: JobAnswer; selection: Selection }) {
  const act = useAct();
  const { data: person } = usePerson();
  const refused = refusal(person, job);
  const run = async (action: Action) => {
    const answer = await act<{ result: number | string | null }>("POST", `jobs/${job.job_id}/${action}`);
    if (action === "rerun") selection.set({ job: String(answer.result), show: null }, false);
  };
  const question =
    hasEnded(job.status) || job.status === "waiting" || job.status === "held"
      ? `Cancel job ${job.job_id}?`
      : `Cancel job ${job.job_id}? What it does is ended.`;
  return (
    <div className="actions">
      {actionsOf(job).map((action) => (
        <ActionButton
          key={action}
          title={titles[action]}
          refused={refused}
          confirm={action === "cancel" ? { question, yes: "Yes, cancel it" } : undefined}
          onAct={() => run(action)}
        />
      ))}
      {refused && <span className="muted">{refused}</span>}
    </div>
  );
}
