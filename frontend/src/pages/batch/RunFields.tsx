import { useOverview } from "../../api/useBatch";
import { Field } from "../../components/Field";
import { splitWords } from "../../lib/shell";
import type { Problems } from "./problems";
import type { RunDraft } from "./requests";

interface Props {
  draft: RunDraft;
  change: (patch: Partial<RunDraft>) => void;
  problems: Problems;
  /** Only the staff may ask for another account. */
  staff: boolean;
}

/** How something is to run: the fields of a job and of a crontab entry. */
export function RunFields({ draft, change, problems: { fields }, staff }: Props) {
  // The machine itself has neither; what somebody gave all the same can be taken out.
  const local = useOverview().data?.master.scheduler === "local";
  return (
    <>
      {(!local || draft.queue || fields.queue) && (
        <Field
          title="Queue"
          value={draft.queue}
          onChange={(queue) => change({ queue })}
          problem={fields.queue}
          placeholder="the scheduler's own choice"
        />
      )}
      {(!local || draft.options || fields.options) && (
        <Field
          title="Options of the scheduler"
          value={draft.options}
          onChange={(options) => change({ options })}
          problem={fields.options}
          placeholder="-n 4 --mem=2G"
          mono
        />
      )}
      <Field
        title="Time limit"
        value={draft.time_limit}
        onChange={(time_limit) => change({ time_limit })}
        problem={fields.time_limit}
        placeholder="none, or 90 s, 15 m, 2 h, 1 d"
      />
      <Field
        title="Working folder"
        value={draft.working_dir}
        onChange={(working_dir) => change({ working_dir })}
        problem={fields.working_dir}
        placeholder="the home folder"
        mono
      />
      <Field
        title="Output to"
        value={draft.output}
        onChange={(output) => change({ output })}
        problem={fields.output}
        placeholder="jobmon keeps it"
        mono
      />
      {staff && (
        <Field
          title="Account"
          value={draft.user}
          onChange={(user) => change({ user })}
          problem={fields.user}
          placeholder="the daemon's own"
        />
      )}
      <Field
        title="Tell"
        value={draft.notify}
        onChange={(notify) => change({ notify })}
        problem={fields.notify}
        placeholder="email:me@example.org?on=fail"
        hint="One per line: email:ADDRESS, webhook:URL or script:/PATH, with ?on=submit,start,finish,fail"
        rows={2}
        mono
        wide
      />
    </>
  );
}

/** The arguments that a program will be given, one box each. */
export function Arguments({ command }: { command: string }) {
  const { words, wrong } = splitWords(command);
  if (words.length === 0 && !wrong) return null;
  return (
    <div className="arguments wide">
      <p className="muted" id="arguments-title">
        {wrong || (words.length === 1 ? "One argument: the program" : `${words.length} arguments, the program first`)}
      </p>
      <ol aria-labelledby="arguments-title">
        {words.slice(0, 40).map((word, i) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: arguments have no other identity than their place
          <li key={i}>
            <code>{word === "" ? "''" : word}</code>
          </li>
        ))}
        {words.length > 40 && <li className="muted">and {words.length - 40} more</li>}
      </ol>
    </div>
  );
}
