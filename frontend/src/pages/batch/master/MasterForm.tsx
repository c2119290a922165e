import { type FormEvent, useState } from "react";
import type { Masters } from "../../../api/batch";
import { useAct } from "../../../api/useBatch";
import { Field } from "../../../components/Field";
import { NO_PROBLEMS, type Problems, problemsOf } from "../problems";
import { spanOf, spanText } from "../requests";

/** Which host is preferred, and how long a process runs before it hands over. */
export function MasterForm({ master }: { master: Masters }) {
  const act = useAct();
  const [host, setHost] = useState(master.preferred);
  const [time, setTime] = useState(spanText(master.run_time));
  const [problems, setProblems] = useState<Problems>(NO_PROBLEMS);
  const [busy, setBusy] = useState(false);
  const hosts = [...new Set(master.candidates.map((one) => one.host))];
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    const run_time = Math.round(spanOf(time));
    if (Number.isNaN(run_time)) {
      return setProblems({
        fields: { run_time: "Write a span of time such as 12h or 1d; nothing for no limit." },
        rest: "",
      });
    }
    setBusy(true);
    try {
      await act("POST", "master", { master: host.trim(), run_time });
      setProblems(NO_PROBLEMS);
    } catch (error) {
      const guesses = [
        [/^master =/, "master"],
        [/^run_time =/, "run_time"],
      ] as const;
      setProblems(problemsOf(error, ["master", "run_time"], guesses));
    }
    setBusy(false);
  };
  return (
    <form className="form" aria-label="Settings of the master" onSubmit={submit} noValidate>
      <Field
        title="Preferred host"
        value={host}
        onChange={setHost}
        problem={problems.fields.master}
        placeholder="whichever comes first"
        options={hosts.map((one) => [one, one])}
        free
      />
      <Field
        title="Run time of a process"
        value={time}
        onChange={setTime}
        problem={problems.fields.run_time}
        placeholder="no limit, or 12h, 1d"
      />
      {problems.rest && (
        <p className="notice bad wide" role="alert">
          {problems.rest}
        </p>
      )}
      <div className="buttons wide">
        <button type="submit" disabled={busy}>
          Save
        </button>
      </div>
    </form>
  );
}
