import { type FormEvent, useMemo, useState } from "react";
import type { CronEntry } from "../../../api/batch";
import { useAct } from "../../../api/useBatch";
import { usePerson } from "../../../api/usePerson";
import { Field } from "../../../components/Field";
import { Segments } from "../../../components/Segments";
import { NO_PROBLEMS, type Problems, problemsOf, sentence } from "../problems";
import { Arguments, RunFields } from "../RunFields";
import { type CronDraft, cronFields, cronRequest, draftOf, emptyCron, guesses } from "../requests";
import { misfireOptions, overlapOptions, scheduleWords, zones } from "./schedule";
import { WorkflowChoice } from "./WorkflowChoice";

const kinds = [
  { value: "command", title: "A command" },
  { value: "workflow", title: "A workflow" },
] as const;

/** A new crontab entry, or a change of one. */
export function CronForm({ entry, onDone }: { entry: CronEntry | undefined; onDone: (name: string) => void }) {
  const act = useAct();
  const { data: person } = usePerson();
  const [draft, setDraft] = useState<CronDraft>(() => (entry ? draftOf(entry) : emptyCron));
  const [problems, setProblems] = useState<Problems>(NO_PROBLEMS);
  const [busy, setBusy] = useState(false);
  const zoneOptions = useMemo(() => zones().map((name) => [name, name] as const), []);
  const change = (patch: Partial<CronDraft>) => setDraft((before) => ({ ...before, ...patch }));
  const { fields, rest } = problems;
  const words = scheduleWords(draft.schedule);
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    const { body, problems } = cronRequest(draft);
    if (!body) return setProblems(problems);
    setBusy(true);
    try {
      await act(entry ? "PUT" : "POST", entry ? `cron/${entry.cron_id}` : "cron", body);
      onDone(draft.name.trim());
    } catch (error) {
      setProblems(problemsOf(error, cronFields, guesses));
    }
    setBusy(false);
  };
  if (person && !person.staff) return <p className="empty">Operators and administrators add and change entries.</p>;
  return (
    <form className="form detail" aria-label="Crontab entry" onSubmit={submit} noValidate>
      <Field title="Name" value={draft.name} onChange={(name) => change({ name })} problem={fields.name} required />
      <Field
        title="Schedule"
        value={draft.schedule}
        onChange={(schedule) => change({ schedule })}
        problem={fields.schedule}
        placeholder="*/15 * * * *"
        hint={words ? sentence(words) : "Minute, hour, day, month, day of week; or @daily, @hourly …"}
        mono
        required
      />
      <Field
        title="Time zone"
        value={draft.timezone}
        onChange={(timezone) => change({ timezone })}
        problem={fields.timezone}
        options={zoneOptions}
        free
      />
      <div className="field">
        <span className="label">Runs</span>
        <Segments label="Runs" options={kinds} value={draft.kind} onChange={(kind) => change({ kind })} />
      </div>
      {draft.kind === "command" ? (
        <>
          <Field
            title="Command"
            value={draft.command}
            onChange={(command) => change({ command })}
            problem={fields.command}
            hint="Split into arguments as below; no shell looks at it. For pipes and variables: sh -c '…'"
            rows={2}
            mono
            wide
            required
          />
          <Arguments command={draft.command} />
        </>
      ) : (
        <WorkflowChoice draft={draft} change={change} problem={fields.workflow} />
      )}
      <Field
        title="When the last one still runs"
        value={draft.overlap}
        onChange={(overlap) => change({ overlap })}
        problem={fields.overlap}
        options={overlapOptions}
      />
      <Field
        title="After a time without a master"
        value={draft.misfire}
        onChange={(misfire) => change({ misfire })}
        problem={fields.misfire}
        options={misfireOptions}
      />
      <Field
        title="Made up for at most"
        value={draft.misfire_window}
        onChange={(misfire_window) => change({ misfire_window })}
        problem={fields.misfire_window}
        placeholder="24h"
      />
      <Field
        title="Spread over"
        value={draft.jitter}
        onChange={(jitter) => change({ jitter })}
        problem={fields.jitter}
        placeholder="nothing, or up to 1h"
      />
      {draft.kind === "command" && (
        <Field
          title="Starts within"
          value={draft.start_within}
          onChange={(start_within) => change({ start_within })}
          problem={fields.start_within}
          placeholder="any time, or 30m: skipped after that"
        />
      )}
      {draft.kind === "command" && (
        <RunFields draft={draft} change={change} problems={problems} staff={person?.staff ?? false} />
      )}
      {rest && (
        <p className="notice bad wide" role="alert">
          {rest}
        </p>
      )}
      <div className="buttons wide">
        <button type="submit" className="strong" disabled={busy}>
          {busy ? "Saving …" : entry ? "Save" : "Add"}
        </button>
      </div>
    </form>
  );
}
