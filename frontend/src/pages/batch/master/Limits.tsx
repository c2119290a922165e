import { type FormEvent, useState } from "react";
import type { QueueLimit } from "../../../api/batch";
import { useAct } from "../../../api/useBatch";
import { ActionButton } from "../../../components/ActionButton";
import { Field } from "../../../components/Field";
import { count } from "../../../lib/format";
import { NO_PROBLEMS, type Problems, problemsOf } from "../problems";

const names = ["max_pending", "max_running", "submits_per_minute"] as const;
const titles = {
  max_pending: "Most pending",
  max_running: "Most pending and running",
  submits_per_minute: "Submitted per minute",
};
const none: Record<(typeof names)[number], number | null> = {
  max_pending: null,
  max_running: null,
  submits_per_minute: null,
};

/** How much each queue takes; "*" is for those that have no limits of their own. */
export function Limits({ limits, staff }: { limits: readonly QueueLimit[]; staff: boolean }) {
  const act = useAct();
  return (
    <div className="holder">
      {limits.length > 0 ? (
        <table className="plain">
          <thead>
            <tr>
              <th scope="col">Queue</th>
              {names.map((name) => (
                <th key={name} scope="col">
                  {titles[name]}
                </th>
              ))}
              {staff && <th scope="col">Change</th>}
            </tr>
          </thead>
          <tbody>
            {limits.map((limit) => (
              <tr key={limit.queue}>
                <th scope="row">{limit.queue === "*" ? "every other queue" : limit.queue}</th>
                {names.map((name) => (
                  <td key={name}>{limit[name] === null ? "no limit" : count(limit[name])}</td>
                ))}
                {staff && (
                  <td>
                    <ActionButton
                      title="Remove"
                      onAct={() => act("PUT", `limits/${encodeURIComponent(limit.queue)}`, none)}
                    />
                  </td>
                )}
              </tr>
            ))}
          </tbody>
        </table>
      ) : (
        <p className="muted">No queue has limits: everything that waits is submitted at once.</p>
      )}
      {staff ? <LimitForm /> : <p className="muted">Operators and administrators set limits.</p>}
    </div>
  );
}

function LimitForm() {
  const act = useAct();
  const [queue, setQueue] = useState("");
  const [values, setValues] = useState<Record<string, string>>({});
  const [problems, setProblems] = useState<Problems>(NO_PROBLEMS);
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    const fields: Record<string, string> = {};
    if (!queue.trim()) fields.queue = "Name a queue, or * for all others.";
    for (const name of names) if (!/^\d{0,6}$/.test(values[name]?.trim() ?? "")) fields[name] = "Write a whole number.";
    if (names.every((name) => !values[name]?.trim())) fields.max_pending ??= "Give at least one limit.";
    if (Object.keys(fields).length > 0) return setProblems({ fields, rest: "" });
    const given = names.filter((name) => values[name]?.trim()).map((name) => [name, Number(values[name])]);
    try {
      await act("PUT", `limits/${encodeURIComponent(queue.trim())}`, { ...none, ...Object.fromEntries(given) });
      setQueue("");
      setValues({});
      setProblems(NO_PROBLEMS);
    } catch (error) {
      setProblems(problemsOf(error, ["queue", ...names]));
    }
  };
  return (
    <form className="form" aria-label="Limit a queue" onSubmit={submit} noValidate>
      <Field
        title="Queue"
        value={queue}
        onChange={setQueue}
        problem={problems.fields.queue}
        placeholder="* for all others"
      />
      {names.map((name) => (
        <Field
          key={name}
          title={titles[name]}
          value={values[name] ?? ""}
          onChange={(value) => setValues({ ...values, [name]: value })}
          problem={problems.fields[name]}
          placeholder="no limit"
        />
      ))}
      {problems.rest && (
        <p className="notice bad wide" role="alert">
          {problems.rest}
        </p>
      )}
      <div className="buttons wide">
        <button type="submit">Set</button>
      </div>
    </form>
  );
}
