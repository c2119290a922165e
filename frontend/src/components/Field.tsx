import { type ReactNode, useId } from "react";

interface Props {
  title: string;
  value: string;
  onChange: (value: string) => void;
  /** What is wrong with it, in a sentence. */
  problem?: string | undefined;
  /** Says what may stand here. */
  hint?: ReactNode;
  placeholder?: string;
  rows?: number;
  /** To choose from; with `free` others may be typed too. */
  options?: readonly (readonly [value: string, title: string])[];
  free?: boolean;
  mono?: boolean;
  wide?: boolean;
  required?: boolean;
}

/** A titled field whose problem is told at its place, also to a screen reader. */
export function Field(props: Props) {
  const { title, value, onChange, problem, hint, placeholder, rows, options, free, mono, wide, required } = props;
  const id = useId();
  const told = [problem ? `${id}-wrong` : "", hint ? `${id}-hint` : ""].filter(Boolean).join(" ");
  const common = {
    id,
    value,
    className: mono ? "mono" : undefined,
    "aria-invalid": problem ? true : undefined,
    "aria-describedby": told || undefined,
    "aria-required": required || undefined,
  };
  return (
    <div className={`field ${wide ? "wide" : ""}`}>
      <label htmlFor={id}>{title}</label>
      {options && !free ? (
        <select {...common} onChange={(event) => onChange(event.target.value)}>
          {options.map(([key, words]) => (
            <option key={key} value={key}>
              {words}
            </option>
          ))}
        </select>
      ) : rows ? (
        <textarea
          {...common}
          rows={rows}
          placeholder={placeholder}
          spellCheck={false}
          onChange={(event) => onChange(event.target.value)}
        />
      ) : (
        <input
          {...common}
          type="text"
          placeholder={placeholder}
          autoComplete="off"
          spellCheck={false}
          list={options && `${id}-list`}
          onChange={(event) => onChange(event.target.value)}
        />
      )}
      {options && free && (
        <datalist id={`${id}-list`}>
          {options.map(([key]) => (
            <option key={key} value={key} />
          ))}
        </datalist>
      )}
      {problem && (
        <p className="error-text" id={`${id}-wrong`}>
          {problem}
        </p>
      )}
      {hint && (
        <p className="hint" id={`${id}-hint`}>
          {hint}
        </p>
      )}
    </div>
  );
}
