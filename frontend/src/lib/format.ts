// Numbers as people read them: with their unit, rounded to what is known, "–" when not known.

export const UNKNOWN = "–";

const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const one = new Intl.NumberFormat("en", { minimumFractionDigits: 1, maximumFractionDigits: 1 });
// Made once: making one takes longer than a hundred uses.
const withSeconds = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const withMinutes = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" });
const days = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short" });
const two = new Intl.NumberFormat("en", { maximumSignificantDigits: 2 });

type Maybe = number | null | undefined;

const known = (value: Maybe): value is number => value !== null && value !== undefined && Number.isFinite(value);

/** Write a count: "16,520". */
export function count(value: Maybe): string {
  return known(value) ? whole.format(value) : UNKNOWN;
}

/** Write an amount with one decimal below ten: "3.2", "32". */
export function amount(value: Maybe): string {
  if (!known(value)) return UNKNOWN;
  const size = Math.abs(value);
  if (size === 0) return "0";
  return size < 0.095 ? two.format(value) : size < 9.95 ? one.format(value) : whole.format(value);
}

/** Write a percentage: "43 %"; below ten with one decimal where asked. */
export function percent(value: Maybe, decimals = false): string {
  if (!known(value)) return UNKNOWN;
  return `${decimals && value < 9.95 && value > 0 ? one.format(value) : whole.format(value)} %`;
}

/** Write a part of a whole as a percentage. */
export function share(part: Maybe, of: Maybe): string {
  return known(part) && known(of) && of > 0 ? percent((100 * part) / of, true) : UNKNOWN;
}

const binary = ["MiB", "GiB", "TiB", "PiB"];

/** Write memory given in MiB: "15.2 GiB". */
export function memory(mebibytes: Maybe): string {
  if (!known(mebibytes)) return UNKNOWN;
  const step = stepOf(mebibytes, 1024, binary.length);
  return `${amount(mebibytes / 1024 ** step)} ${binary[step]}`;
}

const decimal = ["k", "M", "G", "T"];

/** Write a data rate given in kB/s: "12.3 MB/s". */
export function rate(kilobytes: Maybe): string {
  if (!known(kilobytes)) return UNKNOWN;
  const step = stepOf(kilobytes, 1000, decimal.length);
  return `${amount(kilobytes / 1000 ** step)} ${decimal[step]}B/s`;
}

/** Write a disk size given in MB: "12 GB". */
export function disk(megabytes: Maybe): string {
  return known(megabytes) ? rate(megabytes * 1000).replace("/s", "") : UNKNOWN;
}

/** Write a number of events per second: "1.2 k/s". */
export function events(perSecond: Maybe): string {
  if (!known(perSecond)) return UNKNOWN;
  const step = stepOf(perSecond, 1000, decimal.length + 1);
  return step === 0 ? `${amount(perSecond)}/s` : `${amount(perSecond / 1000 ** step)} ${decimal[step - 1]}/s`;
}

/** Write minutes as hours: "3:05", "2 d 3:05". */
export function duration(minutes: Maybe): string {
  if (!known(minutes)) return UNKNOWN;
  const all = Math.max(0, Math.floor(minutes));
  const days = Math.floor(all / 1440);
  const clock = `${Math.floor((all % 1440) / 60)}:${String(all % 60).padStart(2, "0")}`;
  return days > 0 ? `${days} d ${clock}` : clock;
}

/** Write a span in seconds roughly: "12 s", "5 min", "3 h", "2 d". */
export function span(seconds: Maybe): string {
  if (!known(seconds)) return UNKNOWN;
  const size = Math.max(0, seconds);
  if (size < 99.5) return `${Math.round(size)} s`;
  if (size < 5400) return `${Math.round(size / 60)} min`;
  if (size < 129600) return `${Math.round(size / 3600)} h`;
  return `${Math.round(size / 86400)} d`;
}

/** Write how long something lasted, in two units: "40 s", "12 min", "1 h 40 min", "2 d 3 h". */
export function lasted(seconds: Maybe): string {
  if (!known(seconds)) return UNKNOWN;
  const minutes = Math.round(Math.max(0, seconds) / 60);
  if (minutes < 60) return span(seconds);
  const [large, small, unit, part] =
    minutes < 1440
      ? [Math.floor(minutes / 60), minutes % 60, "h", "min"]
      : [Math.floor(minutes / 1440), Math.floor((minutes % 1440) / 60), "d", "h"];
  return small > 0 ? `${large} ${unit} ${small} ${part}` : `${large} ${unit}`;
}

/** Write a time of day: "14:03:30". */
export function clock(epoch: Maybe, seconds = true): string {
  if (!known(epoch)) return UNKNOWN;
  return (seconds ? withSeconds : withMinutes).format(epoch * 1000);
}

/** Write a date and time of day: "21 Nov 14:03". */
export function moment(epoch: Maybe): string {
  if (!known(epoch) || epoch <= 0) return UNKNOWN;
  return `${days.format(epoch * 1000)} ${clock(epoch, false)}`;
}

/** Write a count with its noun: "1 job", "12 jobs". */
export function counted(value: number, noun: string, plural = `${noun}s`): string {
  return `${count(value)} ${value === 1 ? noun : plural}`;
}

function stepOf(value: number, base: number, steps: number): number {
  let step = 0;
  for (let size = Math.abs(value); size >= base && step < steps - 1; size /= base) step++;
  return step;
}
