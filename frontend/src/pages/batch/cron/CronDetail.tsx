import { Link, useNavigate } from "react-router";
import type { CronEntry, Fire } from "../../../api/batch";
import { useAct, useBatch } from "../../../api/useBatch";
import { usePerson } from "../../../api/usePerson";
import { ActionButton } from "../../../components/ActionButton";
import { FactList } from "../../../components/FactList";
import { lasted, span } from "../../../lib/format";
import { joinWords } from "../../../lib/shell";
import { useNow } from "../../../lib/useNow";
import { Answer } from "../Answer";
import { sentence } from "../problems";
import { State } from "../State";
import { type Selection, toJob, toRun } from "../selection";
import { Withheld } from "../Withheld";
import { OnOff } from "./cronColumns";
import { Replay } from "./Replay";
import { dueTime, lagOf, misfireWords, overlapWords, scheduleWords } from "./schedule";

/** One crontab entry: what it runs, when it is due, and what came of its due times. */
export function CronDetail({ entry, selection }: { entry: CronEntry; selection: Selection }) {
  const now = useNow(5);
  const history = useBatch<{ fires: Fire[] }>(`cron/${entry.cron_id}/history`);
  const words = scheduleWords(entry.schedule);
  return (
    <div className="detail">
      <p className="lead">
        <OnOff on={entry.enabled} /> <span className="name">{words ? sentence(words) : entry.schedule}</span>
      </p>
      <Actions entry={entry} selection={selection} />
      {entry.workflow || entry.content ? (
        <p className="command-line">
          <code>{entry.workflow ? `workflow ${entry.workflow}` : entry.command}</code>
        </p>
      ) : null}
      {!entry.content && (
        <Withheld>{entry.workflow ? "Its parameters are" : "Its command, options and folders are"}</Withheld>
      )}
      <FactList
        facts={[
          ["Schedule", <code key="schedule">{entry.schedule}</code>],
          ["Time zone", entry.timezone],
          ["Still running", overlapWords(entry.overlap)],
          ["Missed", `${misfireWords(entry.misfire)}, for at most ${lasted(entry.misfire_window)}`],
          ["Spread", entry.jitter > 0 && `up to ${lasted(entry.jitter)} later`],
          ["Too late", entry.start_within > 0 && `not started any more ${lasted(entry.start_within)} after its time`],
          ["Not before", entry.not_before && dueTime(entry.not_before, entry.timezone)],
          ["Not after", entry.not_after && dueTime(entry.not_after, entry.timezone)],
          [
            "Parameters",
            Object.entries(entry.params ?? {})
              .map(([key, value]) => `${key}: ${value}`)
              .join(", "),
          ],
          ["Queue", entry.queue],
          ["Options", entry.batch_opts?.length && <code>{joinWords(entry.batch_opts)}</code>],
          ["Time limit", entry.limit_s > 0 && lasted(entry.limit_s)],
          ["Folder", entry.working_dir],
          ["Output to", entry.output_location],
          ["Account", entry.user],
          ["Tells", entry.on_success?.join(", ")],
        ]}
      />
      <h3>Next times</h3>
      {entry.next.length > 0 ? (
        <ol className="due">
          {entry.next.map((at) => (
            <li key={at}>
              <time dateTime={new Date(at * 1000).toISOString()}>{dueTime(at, entry.timezone)}</time>{" "}
              <span className="muted">{at > now ? `in ${span(at - now)}` : "now"}</span>
            </li>
          ))}
        </ol>
      ) : (
        <p className="muted">{entry.enabled ? "It is due at no fixed time." : "It is paused, so none."}</p>
      )}
      <h3>History</h3>
      <Answer query={history}>{({ fires }) => <History entry={entry} fires={fires} />}</Answer>
    </div>
  );
}

function Actions({ entry, selection }: { entry: CronEntry; selection: Selection }) {
  const act = useAct();
  const navigate = useNavigate();
  const { data: person } = usePerson();
  if (!person?.staff) {
    return <p className="muted">Operators and administrators may pause, run and change entries.</p>;
  }
  // By number: a name may be another entry's number.
  const path = `cron/${entry.cron_id}`;
  const runNow = async () => {
    const { job_id } = await act<{ job_id: number }>("POST", `${path}/run-now`);
    navigate(toJob(job_id));
  };
  return (
    <div className="actions">
      <ActionButton
        key={`${entry.enabled}`}
        title={entry.enabled ? "Pause" : "Resume"}
        onAct={() => act("POST", `${path}/${entry.enabled ? "disable" : "enable"}`)}
      />
      {entry.workflow ? (
        <Link className="button" to={{ pathname: "/batch/workflows", search: `workflow=${entry.workflow}` }}>
          Start {entry.workflow}
        </Link>
      ) : (
        <ActionButton
          title="Run now"
          confirm={{ question: `Run ${entry.name} now, beside its schedule?`, yes: "Yes, run it" }}
          onAct={runNow}
        />
      )}
      <button type="button" onClick={() => selection.set({ form: "edit" }, false)}>
        Change
      </button>
      <ActionButton
        title="Remove"
        confirm={{ question: `Remove ${entry.name} and its history?`, yes: "Yes, remove it" }}
        onAct={async () => {
          await act("DELETE", path);
          selection.set({ entry: null });
        }}
      />
      {!entry.workflow && <Replay entry={entry} />}
    </div>
  );
}

function History({ entry, fires }: { entry: CronEntry; fires: readonly Fire[] }) {
  if (fires.length === 0) return <p className="muted">No due time has come yet.</p>;
  return (
    <ol className="timeline fires">
      {fires.map((fire) => (
        <li key={fire.scheduled_for}>
          <time dateTime={new Date(fire.scheduled_for * 1000).toISOString()}>
            {dueTime(fire.scheduled_for, entry.timezone)}
          </time>
          <div>
            <State status={fire.outcome} more={fire.outcome === "fired" ? lagOf(fire) : ""} />{" "}
            {fire.reason && <span className="text">{sentence(fire.reason)} </span>}
            {fire.job_id !== null && <Link to={toJob(fire.job_id)}>job {fire.job_id}</Link>}
            {fire.run_id && <Link to={toRun(fire.run_id)}>run {fire.run_id}</Link>}
          </div>
        </li>
      ))}
    </ol>
  );
}
