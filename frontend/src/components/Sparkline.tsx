/** A line of percentages, gaps left open; its numbers stand beside it in words. */
export function Sparkline({ values, tone }: { values: ArrayLike<number>; tone: string }) {
  const width = 44;
  const height = 16;
  const step = width / Math.max(1, values.length - 1);
  let line = "";
  let area = "";
  let start = -1;
  for (let i = 0; i <= values.length; i++) {
    const value = i < values.length ? (values[i] as number) : Number.NaN;
    if (Number.isNaN(value)) {
      if (start >= 0) area += `L${((i - 1) * step).toFixed(1)} ${height}L${(start * step).toFixed(1)} ${height}Z`;
      start = -1;
      continue;
    }
    const point = `${(i * step).toFixed(1)} ${(height - 1 - (Math.min(100, Math.max(0, value)) / 100) * (height - 2)).toFixed(1)}`;
    line += `${start < 0 ? "M" : "L"}${point}`;
    area += `${start < 0 ? "M" : "L"}${point}`;
    if (start < 0) start = i;
  }
  return (
    <svg className="spark" width={width} height={height} viewBox={`0 0 ${width} ${height}`} aria-hidden="true">
      <path d={area} fill={`var(--${tone})`} opacity="0.22" />
      <path d={line} fill="none" stroke={`var(--${tone})`} strokeWidth="1.25" />
    </svg>
  );
}
