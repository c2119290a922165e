import { useState } from "react";
import type { ErasePreview } from "../../../api/releases";
import { useAct } from "../../../api/useBatch";
import { ActionButton } from "../../../components/ActionButton";
import { counted } from "../../../lib/format";
import { PARTS, sizeOf } from "./marks";

/** Erase parts of a build: first what it would free is shown, then it is confirmed. */
export function EraseForm({ number }: { number: number | undefined }) {
  const act = useAct();
  const [chosen, setChosen] = useState<readonly string[]>(["build"]);
  const [preview, setPreview] = useState<ErasePreview>();
  const [told, setTold] = useState("");
  if (number === undefined) return <p className="empty">There is no such build.</p>;
  const choose = (part: string) => {
    setPreview(undefined);
    setTold("");
    setChosen(chosen.includes(part) ? chosen.filter((other) => other !== part) : [...chosen, part]);
  };
  return (
    <div className="detail erase">
      <fieldset className="field">
        <legend className="label">What to erase</legend>
        {PARTS.map(([part, title]) => (
          <label key={part} className="check">
            <input type="checkbox" checked={chosen.includes(part)} onChange={() => choose(part)} /> {title}
          </label>
        ))}
      </fieldset>
      {preview === undefined ? (
        <div className="actions">
          <ActionButton
            title="Show what that frees"
            {...(chosen.length ? {} : { refused: "Choose something first." })}
            onAct={async () =>
              setPreview(
                await act<ErasePreview>("POST", "releases/erase/preview", { builds: [number], parts: [...chosen] }),
              )
            }
          />
        </div>
      ) : (
        <>
          <ul className="sizes">
            {preview.builds.flatMap((build) =>
              Object.entries(build.sizes).map(([part, size]) => (
                <li key={part}>
                  {PARTS.find(([name]) => name === part)?.[1] ?? part}: <b>{sizeOf(size.bytes)}</b> in{" "}
                  {counted(size.files, "file")}
                  {!size.complete && " and more"}
                </li>
              )),
            )}
            {preview.parts.includes("entry") && <li>The build's entry and its results leave the list.</li>}
          </ul>
          <div className="actions">
            <ActionButton
              title={`Erase ${sizeOf(preview.bytes)}`}
              strong
              confirm={{ question: "This cannot be undone. Erase it?", yes: "Yes, erase it" }}
              onAct={async () => {
                await act("POST", "releases/erase", { token: preview.token });
                setPreview(undefined);
                setTold("It is being erased; the result is among the to-dos.");
              }}
            />
          </div>
        </>
      )}
      <p role="status">{told}</p>
    </div>
  );
}
