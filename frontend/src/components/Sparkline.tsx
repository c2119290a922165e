interface Props {
  values: ArrayLike<number>;
  tone: string;
  /** What the full height stands for. */
  top?: number;
  /** Drawn as a dashed line: a request or a limit. */
  limit?: number | null;
  width?: number;
}

const HEIGHT = 16;

/** A line over time, gaps left open; its numbers stand beside it in words. */
export function Sparkline({ values, tone, top = 100, limit = null, width = 44 }: Props) {
  const step = width / Math.max(1, values.length - 1);
  const y = (value: number) => HEIGHT - 1 - (top > 0 ? Math.min(1, Math.max(0, value / top)) : 0) * (HEIGHT - 2);
  let line = "";
  let area = "";
  let start = -1;
  for (let i = 0; i <= values.length; i++) {
    const value = i < values.length ? (values[i] as number) : Number.NaN;
    if (Number.isNaN(value)) {
      if (start >= 0) area += `L${((i - 1) * step).toFixed(1)} ${HEIGHT}L${(start * step).toFixed(1)} ${HEIGHT}Z`;
      start = -1;
      continue;
    }
    const point = `${(i * step).toFixed(1)} ${y(value).toFixed(1)}`;
    line += `${start < 0 ? "M" : "L"}${point}`;
    area += `${start < 0 ? "M" : "L"}${point}`;
    if (start < 0) start = i;
  }
  return (
    <svg className="spark" width={width} height={HEIGHT} viewBox={`0 0 ${width} ${HEIGHT}`} aria-hidden="true">
      <path d={area} fill={`var(--${tone})`} opacity="0.22" />
      <path d={line} fill="none" stroke={`var(--${tone})`} strokeWidth="1.25" />
      {line && limit !== null && limit > 0 && limit <= top && (
        <path
          className="spark-limit"
          d={`M0 ${y(limit).toFixed(1)}H${width}`}
          stroke="var(--muted)"
          strokeDasharray="3 2"
        />
      )}
    </svg>
  );
}
