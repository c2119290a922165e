// The strip of used and free cores: from a usage file to bars, and from a place on it to a time.
import type { Usage } from "../../../api/types.gen";

export interface Bar {
  /** Epoch seconds at which it begins. */
  time: number;
  used: number;
  /** Free cores; those of other users too when the strip is one user's. */
  rest: number;
}

export interface Strip {
  from: number;
  to: number;
  step: number;
  bars: Bar[];
  /** Height of the strip in cores. */
  top: number;
}

const SPAN = { day: 86400, month: 31 * 86400, year: 366 * 86400 } as const;

/** Return the bars of a usage file that ends at `to`; a bin that is missing is a gap. */
export function stripOf(usage: Usage, to: number, user?: string): Strip {
  const { times, avail, running, step } = usage;
  const own = user === undefined ? running : (usage.users[user] ?? times.map(() => 0));
  const bars = times.map((time, i) => {
    const used = own[i] ?? 0;
    return { time, used, rest: user === undefined ? Math.max(0, (avail[i] ?? 0) - used) : 0 };
  });
  const from = Math.max(to - SPAN[usage.tier], (times[0] ?? to) - step);
  const shown = bars.filter((bar) => bar.time + step > from && bar.time <= to);
  return { from, to, step, bars: shown, top: Math.max(1, ...shown.map((bar) => bar.used + bar.rest)) };
}

/** Return the time at a share of the strip's width, 0 to 1. */
export function timeAt({ from, to }: Strip, share: number): number {
  return Math.round(from + Math.min(1, Math.max(0, share)) * (to - from));
}

/** Return the share of the strip's width at a time. */
export function placeOf({ from, to }: Strip, time: number): number {
  return to > from ? Math.min(1, Math.max(0, (time - from) / (to - from))) : 1;
}

/** Return times for ticks, on whole local hours, days or months, at most about `most`. */
export function ticksOf({ from, to }: Strip, most: number): { time: number; label: string }[] {
  const hours = [1, 2, 3, 6, 12, 24, 48, 120, 240, 720].find((n) => (to - from) / (n * 3600) <= most) ?? 2160;
  const first = new Date(from * 1000);
  first.setMinutes(0, 0, 0);
  first.setHours(hours >= 24 ? 0 : Math.floor(first.getHours() / hours) * hours);
  const ticks: { time: number; label: string }[] = [];
  for (const at = first; at.getTime() / 1000 <= to; at.setHours(at.getHours() + hours)) {
    const time = at.getTime() / 1000;
    if (time < from) continue;
    const midnight = at.getHours() === 0;
    const label = midnight
      ? at.toLocaleDateString("en-GB", { day: "numeric", month: "short" })
      : at.toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" });
    ticks.push({ time, label });
  }
  return ticks;
}
