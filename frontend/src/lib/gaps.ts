// Where time is missing between points.

/** The step that points usually have; and of each point whether something is missing before it. */
export interface Steps {
  usual: number;
  gap: boolean[];
}

/** Look at the steps between ascending times: one far longer than usual is a gap, unless those around it are as long. */
export function stepsOf(times: readonly number[]): Steps {
  const steps = times.slice(1).map((time, i) => time - (times[i] as number));
  const usual = [...steps].sort((a, b) => a - b)[steps.length >> 1] ?? 0;
  const long = (i: number) => usual > 0 && (steps[i] ?? 0) > 2.5 * usual;
  const like = (i: number, k: number) => (steps[k] ?? 0) > 0.6 * (steps[i] as number);
  // Three in a row are another rhythm: as before a restart with another interval.
  const rhythm = (i: number) =>
    (like(i, i - 1) && (like(i, i - 2) || like(i, i + 1))) || (like(i, i + 1) && like(i, i + 2));
  return { usual, gap: times.map((_, i) => i > 0 && long(i - 1) && !rhythm(i - 1)) };
}
