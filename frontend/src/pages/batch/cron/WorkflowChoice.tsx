import type { Workflow } from "../../../api/batch";
import { useBatch } from "../../../api/useBatch";
import { Field } from "../../../components/Field";
import type { CronDraft } from "../requests";

/** Which workflow an entry starts, and with which parameters. */
export function WorkflowChoice(props: {
  draft: CronDraft;
  change: (patch: Partial<CronDraft>) => void;
  problem: string | undefined;
}) {
  const { draft, change, problem } = props;
  const { data } = useBatch<{ workflows: Workflow[] }>("workflows");
  const known = data?.workflows ?? [];
  const names = [...new Set(["", ...known.map((one) => one.name), draft.workflow])];
  return (
    <>
      <Field
        title="Workflow"
        value={draft.workflow}
        onChange={(workflow) => change({ workflow })}
        problem={problem}
        options={names.map((name) => [name, name || "Choose one"])}
        required
      />
      {known
        .find((one) => one.name === draft.workflow)
        ?.params.map((name) => (
          <Field
            key={name}
            title={name}
            value={draft.params[name] ?? ""}
            onChange={(value) => change({ params: { ...draft.params, [name]: value } })}
          />
        ))}
    </>
  );
}
