// When a rule fired, point by point: what the charts mark.
import { at, constant, evaluate, isTrue } from "./formula";
import { stepsOf } from "./gaps";
import type { Rule, Settings } from "./rules";
import { type Input, jobVariables, nodeVariables } from "./scores";

/** From and to, epoch seconds. */
export type Held = readonly [number, number];

/** Return the spans of time in which a rule fired on any row; a job's first minutes are not judged. */
export function heldSpans(rule: Rule, input: Input, settings: Settings): Held[] {
  const points = input.times.length;
  const span = { first: 0, end: points, all: points };
  const job = rule.of === "job";
  const rows = job ? input.jobs.length : input.nodes.length;
  if (points === 0 || rows === 0) return [];
  const constants = Object.fromEntries(Object.entries(settings).map(([name, value]) => [name, constant(value)]));
  const variables = { ...constants, ...(job ? jobVariables(input, span) : nodeVariables(input, span)) };
  const [when, score] = [rule.when, rule.score].map((formula) => evaluate(formula, variables, { rows, points }));
  const fired = input.times.map((time, t) => {
    for (let row = 0; row < rows; row++) {
      const start = job ? (input.jobs[row]?.start ?? Number.NaN) : 0;
      if (job && !(time - start > settings.graceTime * 60)) continue;
      if (when && score && isTrue(at(when, row, t)) && at(score, row, t) > 0) return true;
    }
    return false;
  });
  return joined(input.times, fired);
}

/** Join neighbouring points to spans; a point stands for the time since the one before, a gap ends a span. */
export function joined(times: readonly number[], fired: readonly boolean[]): Held[] {
  const { usual, gap } = stepsOf(times);
  const spans: [number, number][] = [];
  times.forEach((time, i) => {
    if (!fired[i]) return;
    const before = times[i - 1];
    const from = before === undefined || gap[i] ? time - usual : before;
    const last = spans[spans.length - 1];
    if (last && last[1] === from) last[1] = time;
    else spans.push([from, time]);
  });
  return spans;
}
