// Schedules in words, and due times with their distance from UTC.
import { span } from "../../../lib/format";

const days = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
const dayNames = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];
const nicknames: Readonly<Record<string, string>> = {
  "@reboot": "when a master starts",
  "@hourly": "every hour, on the hour",
  "@daily": "every day at 00:00",
  "@midnight": "every day at 00:00",
  "@weekly": "on Sundays at 00:00",
  "@monthly": "on the 1st of the month at 00:00",
  "@yearly": "on 1 January at 00:00",
  "@annually": "on 1 January at 00:00",
};

/** Tell the usual schedules in words; "" for the others, whose next times speak for them. */
export function scheduleWords(schedule: string): string {
  const text = schedule.trim().toLowerCase().replace(/\s+/g, " ");
  if (Object.hasOwn(nicknames, text)) return nicknames[text] as string;
  const fields = text.split(" ");
  if (fields.length !== 5) return "";
  const [minute, hour, day, month, weekday] = fields as [string, string, string, string, string];
  if (month !== "*") return "";
  const when = dayWords(day, weekday);
  if (when === "") return "";
  const time = timeWords(minute, hour);
  if (time === "") return "";
  // "every 15 min" says already that it is every day.
  if (time.startsWith("every")) return when === "every day" ? time : `${time}, ${when}`;
  return `${when} at ${time}`;
}

function timeWords(minute: string, hour: string): string {
  const everyMinutes = step(minute);
  if (hour === "*") {
    if (minute === "*") return "every minute";
    if (everyMinutes) return everyMinutes === 1 ? "every minute" : `every ${everyMinutes} min`;
    return number(minute, 59) === null ? "" : `every hour at :${minute.padStart(2, "0")}`;
  }
  const at = number(minute, 59);
  if (at === null) return "";
  const everyHours = step(hour);
  if (everyHours) return `every ${everyHours} h at :${String(at).padStart(2, "0")}`;
  const hours = hour.split(",").map((one) => number(one, 23));
  if (hours.some((one) => one === null)) return "";
  return joined(hours.map((one) => `${String(one).padStart(2, "0")}:${String(at).padStart(2, "0")}`));
}

function dayWords(day: string, weekday: string): string {
  if (day === "*" && weekday === "*") return "every day";
  if (day === "*") return weekdayWords(weekday);
  if (weekday !== "*") return "";
  const numbers = day.split(",").map((one) => number(one, 31));
  if (numbers.some((one) => one === null || one === 0)) return "";
  return `on the ${joined(numbers.map((one) => ordinal(one as number)))} of the month`;
}

function weekdayWords(weekday: string): string {
  if (weekday === "1-5" || weekday === "mon-fri") return "Monday to Friday";
  if (weekday === "6,0" || weekday === "0,6" || weekday === "sat,sun") return "on Saturdays and Sundays";
  const names = weekday.split(",").map((one) => {
    const at = dayNames.indexOf(one);
    const index = at >= 0 ? at : number(one, 7);
    return index === null ? null : (days[index % 7] as string);
  });
  return names.some((one) => one === null) ? "" : `on ${joined(names.map((one) => `${one}s`))}`;
}

const step = (field: string): number => Number(/^\*\/(\d{1,2})$/.exec(field)?.[1] ?? 0);

function number(text: string, most: number): number | null {
  return /^\d{1,2}$/.test(text) && Number(text) <= most ? Number(text) : null;
}

function ordinal(n: number): string {
  const end = n % 100 >= 11 && n % 100 <= 13 ? "th" : (["th", "st", "nd", "rd"][n % 10] ?? "th");
  return `${n}${end}`;
}

function joined(words: readonly string[]): string {
  return words.length < 2 ? (words[0] ?? "") : `${words.slice(0, -1).join(", ")} and ${words.at(-1)}`;
}

const formats = new Map<string, Intl.DateTimeFormat>();

/** Write a due time in its own zone, with its distance from UTC: "Sun 29 Mar, 03:00 +02:00". */
export function dueTime(epoch: number, zone: string): string {
  const parts = new Map(
    formatOf(zone)
      .formatToParts(epoch * 1000)
      .map(({ type, value }) => [type, value]),
  );
  const offset = (parts.get("timeZoneName") ?? "").replace("GMT", "") || "+00:00";
  const date = `${parts.get("weekday")} ${parts.get("day")} ${parts.get("month")}`;
  return `${date}, ${parts.get("hour")}:${parts.get("minute")} ${offset}`;
}

function formatOf(zone: string): Intl.DateTimeFormat {
  const known = formats.get(zone);
  if (known) return known;
  const made = (timeZone: string) =>
    new Intl.DateTimeFormat("en-GB", {
      ...{ timeZone, timeZoneName: "longOffset", weekday: "short", day: "numeric", month: "short" },
      ...{ hour: "2-digit", minute: "2-digit" },
    });
  let format: Intl.DateTimeFormat;
  try {
    format = made(zone);
  } catch {
    format = made("UTC"); // a zone that the browser does not know; its offset is told, so nothing is wrong
  }
  formats.set(zone, format);
  return format;
}

/** Zones to choose from; what is not among them may be typed. */
export function zones(): string[] {
  return ["UTC", ...Intl.supportedValuesOf("timeZone").filter((name) => name !== "UTC")];
}

/** Say how late a due time fired: "on time", "12 s late". */
export function lagOf(fire: { scheduled_for: number; fired_at: number }): string {
  const late = fire.fired_at - fire.scheduled_for;
  return late < 5 ? "on time" : `${span(late)} late`;
}

const overlaps: Readonly<Record<string, string>> = {
  allow: "both run",
  skip: "the new one is skipped",
  queue: "the new one waits for it",
  replace: "the old one is cancelled",
};
const misfires: Readonly<Record<string, string>> = {
  skip: "nothing is made up for",
  last: "the last one is made up for",
  all: "each one is made up for",
};

/** What happens when the last job still runs: value → words. */
export const overlapWords = (value: string): string => overlaps[value] ?? value;

/** What happens to due times at which no master was there: value → words. */
export const misfireWords = (value: string): string => misfires[value] ?? value;

export const overlapOptions = Object.entries(overlaps);
export const misfireOptions = Object.entries(misfires);
