interface Props {
  label: string;
  /** What no choice at all is called. */
  all: { title: string; count?: string };
  options: readonly { value: string; title: string; count?: string }[];
  chosen: readonly string[];
  onChange: (chosen: string[]) => void;
}

/** Any number out of a few that all stay in view; none chosen is all of them. */
export function Choices({ label, all, options, chosen, onChange }: Props) {
  const toggled = (value: string) =>
    chosen.includes(value) ? chosen.filter((one) => one !== value) : [...chosen, value];
  return (
    // biome-ignore lint/a11y/useSemanticElements: a fieldset cannot be laid out as a row of buttons everywhere
    <div className="segments" role="group" aria-label={label}>
      <Choice {...all} pressed={chosen.length === 0} onPress={() => onChange([])} />
      {options.map(({ value, ...option }) => (
        <Choice key={value} {...option} pressed={chosen.includes(value)} onPress={() => onChange(toggled(value))} />
      ))}
    </div>
  );
}

function Choice(props: { title: string; count?: string | undefined; pressed: boolean; onPress: () => void }) {
  return (
    <button type="button" aria-pressed={props.pressed} onClick={props.onPress}>
      {props.title}
      {props.count !== undefined && <span className="muted"> {props.count}</span>}
    </button>
  );
}
