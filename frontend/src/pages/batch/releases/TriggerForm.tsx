import { type FormEvent, useState } from "react";
import type { KnownPackage } from "../../../api/releases";
import { useAct } from "../../../api/useBatch";
import { Field } from "../../../components/Field";
import { NO_PROBLEMS, type Problems, problemsOf } from "../problems";

const names = ["package", "version", "tag", "variants"];

/** Ask for a build of any tag, branch or commit of a package that is known. */
export function TriggerForm({ packages, onDone }: { packages: readonly KnownPackage[]; onDone: () => void }) {
  const act = useAct();
  const [draft, setDraft] = useState({ package: packages[0]?.package ?? "", version: "", tag: "" });
  const [left, setLeft] = useState<readonly string[]>([]);
  const [problems, setProblems] = useState<Problems>(NO_PROBLEMS);
  const [told, setTold] = useState("");
  const variants = packages.find((one) => one.package === draft.package)?.variants ?? [];
  const change = (patch: Partial<typeof draft>) => setDraft((before) => ({ ...before, ...patch }));
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    const body = {
      package: draft.package,
      version: draft.version.trim(),
      tag: draft.tag.trim(),
      variants: variants.filter((one) => !left.includes(one)),
      version_type: "Manual",
    };
    try {
      const { builds } = await act<{ builds: { variant: string; text: string; run_id?: number | null }[] }>(
        "POST",
        "releases/trigger",
        body,
      );
      setProblems(NO_PROBLEMS);
      setTold(builds.map((one) => `${one.variant}: ${one.text}`).join("; "));
      if (builds.every((one) => one.run_id)) onDone();
    } catch (error) {
      setTold("");
      setProblems(problemsOf(error, names));
    }
  };
  if (packages.length === 0) return <p className="empty">No package is known. Describe one in releases.ini.</p>;
  return (
    <form className="form detail" aria-label="Build a version" onSubmit={submit} noValidate>
      <Field
        title="Package"
        value={draft.package}
        onChange={(value) => change({ package: value })}
        problem={problems.fields.package}
        options={packages.map((one) => [one.package, one.package] as const)}
      />
      <Field
        title="Version"
        value={draft.version}
        onChange={(version) => change({ version })}
        problem={problems.fields.version}
        placeholder="v1.2"
        hint="Names the folder; letters, digits and . _ + -"
        required
      />
      <Field
        title="Tag"
        value={draft.tag}
        onChange={(tag) => change({ tag })}
        problem={problems.fields.tag}
        placeholder="as the version"
        hint="A tag, a branch or a commit"
      />
      <fieldset className="field">
        <legend className="label">Variants</legend>
        {variants.map((one) => (
          <label key={one} className="check">
            <input
              type="checkbox"
              checked={!left.includes(one)}
              onChange={() => setLeft(left.includes(one) ? left.filter((other) => other !== one) : [...left, one])}
            />{" "}
            {one}
          </label>
        ))}
        {problems.fields.variants && <p className="error-text">{problems.fields.variants}</p>}
      </fieldset>
      {problems.rest && (
        <p className="notice bad wide" role="alert">
          {problems.rest}
        </p>
      )}
      <div className="buttons wide">
        <button type="submit" className="strong">
          Build
        </button>
        <span role="status">{told}</span>
      </div>
    </form>
  );
}
