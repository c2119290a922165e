interface Props {
  /** Parts of the whole, 0 to 1, drawn one after the other. */
  parts: { value: number; tone: string }[];
  label: string;
}

/** A thin bar that is filled as far as something is used. */
export function Meter({ parts, label }: Props) {
  let from = 0;
  return (
    <svg className="meter" viewBox="0 0 100 6" preserveAspectRatio="none" role="img" aria-label={label}>
      <rect className="meter-rest" width="100" height="6" />
      {parts.map(({ value, tone }) => {
        const width = Math.min(100 - from, Math.max(0, Number.isFinite(value) ? value * 100 : 0));
        const x = from;
        from += width;
        return <rect key={tone} x={x} width={width} height="6" fill={`var(--${tone})`} />;
      })}
    </svg>
  );
}
