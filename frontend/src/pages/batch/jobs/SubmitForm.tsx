import { type FormEvent, useState } from "react";
import { useAct } from "../../../api/useBatch";
import { usePerson } from "../../../api/usePerson";
import { Field } from "../../../components/Field";
import { NO_PROBLEMS, type Problems, problemsOf } from "../problems";
import { Arguments, RunFields } from "../RunFields";
import { emptyRun, guesses, jobRequest, type RunDraft, runFields } from "../requests";

/** A new job. */
export function SubmitForm({ onDone }: { onDone: (number: number) => void }) {
  const act = useAct();
  const { data: person } = usePerson();
  const [draft, setDraft] = useState<RunDraft>(emptyRun);
  const [problems, setProblems] = useState<Problems>(NO_PROBLEMS);
  const [busy, setBusy] = useState(false);
  // who may not choose the account has no field for it, where a word about it could stand
  const shownGuesses = person?.staff ? guesses : guesses.filter(([, field]) => field !== "user");
  const change = (patch: Partial<RunDraft>) => setDraft((before) => ({ ...before, ...patch }));
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    const { body, problems } = jobRequest(draft);
    if (!body) return setProblems(problems);
    setBusy(true);
    try {
      const { job_id } = await act<{ job_id: number }>("POST", "jobs", body);
      onDone(job_id);
    } catch (error) {
      setProblems(problemsOf(error, runFields, shownGuesses));
    }
    setBusy(false);
  };
  if (person?.role === "anonymous") return <p className="empty">Sign in to submit jobs.</p>;
  return (
    <form className="form detail" aria-label="Submit a job" onSubmit={submit} noValidate>
      <Field
        title="Command"
        value={draft.command}
        onChange={(command) => change({ command })}
        problem={problems.fields.command}
        placeholder="make -j4 all"
        hint="Split into arguments as below; no shell looks at it. For pipes and variables: sh -c '…'"
        rows={2}
        mono
        wide
        required
      />
      <Arguments command={draft.command} />
      <Field
        title="Name"
        value={draft.name}
        onChange={(name) => change({ name })}
        problem={problems.fields.name}
        placeholder="that of the program"
      />
      <RunFields draft={draft} change={change} problems={problems} staff={person?.staff ?? false} />
      {problems.rest && (
        <p className="notice bad wide" role="alert">
          {problems.rest}
        </p>
      )}
      <div className="buttons wide">
        <button type="submit" className="strong" disabled={busy}>
          {busy ? "Submitting …" : "Submit"}
        </button>
      </div>
    </form>
  );
}
