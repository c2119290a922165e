import { type Declared, when } from "../lib/declared";
import { counted } from "../lib/format";

interface Props {
  /** Those of the span that is shown. */
  marks: readonly Declared[];
  /** Called with the beginning of the one that was chosen; without it they are only told. */
  onGo?: (time: number) => void;
}

/** The marks that a strip or charts draw, to be read and to be gone to with the keyboard. */
export function DeclaredList({ marks, onGo }: Props) {
  if (marks.length === 0) return null;
  return (
    <details className="declared">
      <summary>
        <i className="pennant" aria-hidden="true" /> {counted(marks.length, "mark")} in this span
      </summary>
      <ul>
        {marks.map((mark) => (
          <li key={mark.id}>
            {onGo ? (
              <button type="button" className="quiet" onClick={() => onGo(mark.at)}>
                {when(mark)}
              </button>
            ) : (
              <span className="when">{when(mark)}</span>
            )}{" "}
            <b>
              <bdi>{mark.name}</bdi>
            </b>
            {mark.source === "reservation" && <span className="muted"> MAINT reservation</span>}
            {mark.note && (
              <p>
                <bdi>{mark.note}</bdi>
              </p>
            )}
          </li>
        ))}
      </ul>
    </details>
  );
}
