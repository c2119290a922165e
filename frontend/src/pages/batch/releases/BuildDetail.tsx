import { useState } from "react";
import { Link } from "react-router";
import { askText } from "../../../api/ask";
import type { Build, Failure } from "../../../api/releases";
import { useAct, useBatch } from "../../../api/useBatch";
import { useSite } from "../../../api/useLive";
import { usePerson } from "../../../api/usePerson";
import { ActionButton } from "../../../components/ActionButton";
import { FactList } from "../../../components/FactList";
import { moment } from "../../../lib/format";
import { Answer } from "../Answer";
import { sentence } from "../problems";
import { State } from "../State";
import { type Selection, toJob, toRun } from "../selection";
import { Withheld } from "../Withheld";
import { DotMark } from "./DotMark";
import { dotOf, dotOfSteps } from "./marks";

interface Props {
  number: number | undefined;
  selection: Selection;
}

/** One build: what failed first, its sub-packages beside the newest builds, and its stages with the rules that fired. */
export function BuildDetail({ number, selection }: Props) {
  const query = useBatch<Build>(number === undefined ? undefined : `releases/build/${number}`);
  if (number === undefined) return <p className="empty">There is no such build.</p>;
  return (
    <Answer query={query}>
      {({ build, stages, columns, subpackages, failures }) => (
        <div className="detail">
          <p className="lead">
            <DotMark dot={dotOf(build.mark)} />{" "}
            <span className="name">
              {build.package} {build.version}
            </span>{" "}
            <span className="muted">{build.variant}</span>
          </p>
          {build.reason && <p className="why">{sentence(build.reason)}</p>}
          <Actions build={build} stages={stages} selection={selection} />
          {build.place === undefined && <Withheld to="operators">First errors, logs and its folder are</Withheld>}
          {failures.length > 0 && (
            <>
              <h3>What failed</h3>
              <ul className="failures">
                {failures.map((failure) => (
                  <FailureLine key={`${failure.step} ${failure.subpackage}`} number={number} failure={failure} />
                ))}
              </ul>
            </>
          )}
          <h3>Sub-packages</h3>
          <Grid columns={columns} subpackages={subpackages} />
          <h3>Stages</h3>
          <ol className="stages-of-build">
            {stages.map((stage) => (
              <li key={stage.name}>
                <div>
                  <b>{stage.name}</b> <State status={stage.status} />{" "}
                  {stage.jobs.map((job) => (
                    <Link key={job.job_id} to={toJob(job.job_id)}>
                      job {job.job_id}{" "}
                    </Link>
                  ))}
                  {stage.fires.map(
                    (fire) =>
                      fire.text && (
                        <p key={`${fire.at} ${fire.text}`} className="muted">
                          {sentence(fire.text)}
                        </p>
                      ),
                  )}
                </div>
              </li>
            ))}
          </ol>
          <FactList
            facts={[
              ["Kind", build.version_type],
              ["Tag", build.tag],
              ["Noticed", moment(build.noticed_at)],
              ["Started", build.started_at && moment(build.started_at)],
              ["Ended", build.finished_at && moment(build.finished_at)],
              ["Folder", build.place && <code key="place">{build.place}</code>],
              ["Erased", build.erased.join(", ")],
              ["Run", build.run_id && <Link to={toRun(build.run_id)}>run {build.run_id}</Link>],
            ]}
          />
        </div>
      )}
    </Answer>
  );
}

function Actions({ build, stages, selection }: Pick<Build, "build" | "stages"> & { selection: Selection }) {
  const act = useAct();
  const { data: person } = usePerson();
  const over = build.status !== null && !["queued", "running"].includes(build.status);
  if (!person?.staff) return <p className="muted">Operators and administrators may run again and erase.</p>;
  return (
    <div className="actions">
      {over &&
        stages
          .filter((stage) => ["checkout", "build", "test"].includes(stage.name))
          .map((stage) => (
            <ActionButton
              key={stage.name}
              title={`Again from ${stage.name}`}
              onAct={() => act("POST", `runs/${build.run_id}/rerun`, { stage: stage.name })}
            />
          ))}
      {over && (
        <button type="button" onClick={() => selection.set({ form: "erase" }, false)}>
          Erase …
        </button>
      )}
    </div>
  );
}

function Grid({ columns, subpackages }: Pick<Build, "columns" | "subpackages">) {
  if (subpackages.length === 0) return <p className="muted">Nothing is known of them yet.</p>;
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable with the keyboard
    <section className="grid-scroll" tabIndex={0} aria-label="Sub-packages beside the newest builds">
      <table className="dots">
        <thead>
          <tr>
            <th scope="col">Sub-package</th>
            {columns.map((column) => (
              <th key={column.title} scope="col" className="cell">
                {column.title === "this" ? "This build" : column.title}
                <span className="muted version">{column.version ?? "none"}</span>
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {subpackages.map((row) => (
            <tr key={row.name}>
              <th scope="row">{row.name}</th>
              {row.cells.map((steps, i) => {
                const dot = dotOfSteps(steps);
                return (
                  <td key={columns[i]?.title} className="cell">
                    {dot ? <DotMark dot={dot} /> : <span className="muted">·</span>}
                  </td>
                );
              })}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

/** What failed, its first error, and the log around it. */
function FailureLine({ number, failure }: { number: number; failure: Failure }) {
  const site = useSite();
  const [log, setLog] = useState<string>();
  const show = async () => {
    const path = `releases/build/${number}/log/${encodeURIComponent(failure.subpackage)}/${failure.step}`;
    try {
      setLog(await askText(`${site.address}batch/${path}`));
    } catch (error) {
      setLog(error instanceof Error ? error.message : String(error));
    }
  };
  return (
    <li>
      <p>
        <b>{failure.subpackage}</b> {failure.step} <span className="muted">ended with {failure.rc}</span>{" "}
        {failure.first_error !== undefined && (
          <button type="button" onClick={() => (log === undefined ? show() : setLog(undefined))}>
            {log === undefined ? "Show the log" : "Hide the log"}
          </button>
        )}
      </p>
      {failure.first_error && (
        <code className="first-error">
          {failure.first_error}
          {failure.line !== null && <span className="muted"> (line {failure.line})</span>}
        </code>
      )}
      {log !== undefined && <Log text={log} line={failure.line} />}
    </li>
  );
}

const AROUND = 20;

function Log({ text, line }: { text: string; line: number | null }) {
  const lines = text.split("\n");
  const first = line === null ? Math.max(0, lines.length - 2 * AROUND) : Math.max(0, line - AROUND);
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable with the keyboard
    <pre className="text-box" tabIndex={0}>
      {lines.slice(first, first + 2 * AROUND).map((words, i) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: lines have no other identity than their place
        <span key={i} className={first + i + 1 === line ? "found-line" : undefined}>
          {words}
          {"\n"}
        </span>
      ))}
    </pre>
  );
}
