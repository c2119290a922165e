import { type FormEvent, useState } from "react";
import type { Workflow } from "../../../api/batch";
import { useAct } from "../../../api/useBatch";
import { usePerson } from "../../../api/usePerson";
import { FactList } from "../../../components/FactList";
import { Field } from "../../../components/Field";
import { counted } from "../../../lib/format";
import { joinWords } from "../../../lib/shell";
import { NO_PROBLEMS, type Problems, problemsOf } from "../problems";
import type { Selection } from "../selection";
import { Withheld } from "../Withheld";
import { leadsTo, roleOf } from "./runView";
import { StageGraph } from "./StageGraph";

/** What a workflow's file says: its stages and what follows them; and the way to start it. */
export function Definition({ workflow, selection }: { workflow: Workflow | undefined; selection: Selection }) {
  if (workflow === undefined) {
    return <p className="empty">No file defines this workflow now. Its runs are still listed.</p>;
  }
  const leads = leadsTo(workflow.stages);
  return (
    <div className="detail">
      <StartForm workflow={workflow} selection={selection} />
      <h3>Stages</h3>
      <StageGraph stages={workflow.stages} />
      {workflow.file === undefined && <Withheld to="operators">The commands of its stages are</Withheld>}
      <ol className="stages">
        {workflow.stages.map((stage) => (
          <li key={stage.name}>
            <p>
              <b>{stage.name}</b>{" "}
              <span className="muted">
                {stage.rules ? counted(stage.rules, "rule") : "no rules"}
                {stage.queue && `, queue ${stage.queue}`}
              </span>
            </p>
            {stage.command && (
              <p className="command-line">
                <code>{joinWords(stage.command)}</code>
              </p>
            )}
            <p className="muted">{roleOf(stage, leads.get(stage.name) ?? 0)}</p>
            {stage.next.length > 0 && <p className="muted">May lead to {stage.next.join(", ")}</p>}
          </li>
        ))}
      </ol>
      <FactList
        facts={[
          ["File", workflow.file],
          ["SHA-256", <code key="sha">{workflow.sha256.slice(0, 12)}</code>],
        ]}
      />
    </div>
  );
}

function StartForm({ workflow, selection }: { workflow: Workflow; selection: Selection }) {
  const act = useAct();
  const { data: person } = usePerson();
  const [params, setParams] = useState<Record<string, string>>({});
  const [problems, setProblems] = useState<Problems>(NO_PROBLEMS);
  const [busy, setBusy] = useState(false);
  if (!person?.staff) return <p className="muted">Operators and administrators start runs.</p>;
  const start = async (event: FormEvent) => {
    event.preventDefault();
    const missing = workflow.params.filter((name) => !params[name]?.trim());
    if (missing.length > 0) {
      return setProblems({ fields: Object.fromEntries(missing.map((name) => [name, "It is needed."])), rest: "" });
    }
    setBusy(true);
    try {
      const path = `workflows/${encodeURIComponent(workflow.name)}/start`;
      const { run_id } = await act<{ run_id: number }>("POST", path, { params });
      selection.set({ run: String(run_id), status: null }, false);
    } catch (error) {
      setProblems(problemsOf(error, workflow.params));
    }
    setBusy(false);
  };
  return (
    <form className="form start" aria-label={`Start ${workflow.name}`} onSubmit={start} noValidate>
      {workflow.params.map((name) => (
        <Field
          key={name}
          title={name}
          value={params[name] ?? ""}
          onChange={(value) => setParams({ ...params, [name]: value })}
          problem={problems.fields[name]}
          required
        />
      ))}
      {problems.rest && (
        <p className="notice bad wide" role="alert">
          {problems.rest}
        </p>
      )}
      <div className="buttons wide">
        <button type="submit" className="strong" disabled={busy}>
          Start a run
        </button>
      </div>
    </form>
  );
}
