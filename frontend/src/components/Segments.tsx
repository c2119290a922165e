interface Props<Value extends string> {
  label: string;
  options: readonly { value: Value; title: string; count?: string }[];
  value: Value;
  onChange: (value: Value) => void;
}

/** One choice out of a few that all stay in view. */
export function Segments<Value extends string>({ label, options, value, onChange }: Props<Value>) {
  return (
    // biome-ignore lint/a11y/useSemanticElements: a fieldset cannot be laid out as a row of buttons everywhere
    <div className="segments" role="group" aria-label={label}>
      {options.map((option) => (
        <button
          key={option.value}
          type="button"
          aria-pressed={option.value === value}
          onClick={() => onChange(option.value)}
        >
          {option.title}
          {option.count !== undefined && <span className="muted"> {option.count}</span>}
        </button>
      ))}
    </div>
  );
}
