// What is typed into the forms, made into requests; every field is a text until it is sent.
import type { CronEntry } from "../../api/batch";
import { joinWords, splitWords } from "../../lib/shell";
import type { Guess, Problems } from "./problems";

/** What a job and a crontab entry have in common. */
export interface RunDraft {
  name: string;
  command: string;
  queue: string;
  options: string;
  working_dir: string;
  output: string;
  time_limit: string;
  notify: string;
  user: string;
}

export interface CronDraft extends RunDraft {
  kind: "command" | "workflow";
  workflow: string;
  params: Record<string, string>;
  schedule: string;
  timezone: string;
  enabled: boolean;
  overlap: string;
  misfire: string;
  misfire_window: string;
  jitter: string;
  start_within: string;
  not_before: number | null;
  not_after: number | null;
}

export const emptyRun: RunDraft = {
  ...{ name: "", command: "", queue: "", options: "", working_dir: "", output: "" },
  ...{ time_limit: "", notify: "", user: "" },
};

export const emptyCron: CronDraft = {
  ...emptyRun,
  ...{ kind: "command", workflow: "", params: {}, schedule: "", timezone: "UTC", enabled: true },
  ...{ overlap: "allow", misfire: "last", misfire_window: "24h", jitter: "" },
  ...{ start_within: "", not_before: null, not_after: null },
};

export const runFields = [...Object.keys(emptyRun), "priority"];
export const cronFields = Object.keys(emptyCron);

export const guesses: readonly Guess[] = [
  [/^user '/, "user"],
  [/already$/, "name"],
  [/time zone/, "timezone"],
  [/either command or workflow/, "command"],
  [/no workflow|workflow '/, "workflow"],
  [/cron expression|fields, not five|never comes|is no range|is none of|^['"]/, "schedule"],
];

export type Made = { body: Record<string, unknown>; problems?: undefined } | { body?: undefined; problems: Problems };

/** Make the request for a job; what cannot be sent at all is said at its field. */
export function jobRequest(draft: RunDraft): Made {
  const [common, fields] = runPart(draft);
  const command = words(draft.command, "command", fields);
  if (command.length === 0) fields.command ??= "A job needs a command.";
  return made({ ...common, command }, fields);
}

/** Make the request for a crontab entry. */
export function cronRequest(draft: CronDraft): Made {
  const [common, fields] = runPart(draft);
  const { kind, schedule, timezone, enabled, overlap, misfire, not_before, not_after } = draft;
  const command = kind === "command" ? words(draft.command, "command", fields) : [];
  if (kind === "command" && command.length === 0) fields.command ??= "An entry needs a command.";
  if (kind === "workflow" && !draft.workflow) fields.workflow = "Choose a workflow.";
  if (!draft.name.trim()) fields.name = "An entry needs a name.";
  if (!schedule.trim()) fields.schedule = "An entry needs a schedule.";
  const start_within = Math.round(seconds(kind === "command" ? draft.start_within : "", "start_within", fields));
  const what =
    kind === "command" ? { command, start_within } : { workflow: draft.workflow, params: given(draft.params) };
  const times = {
    misfire_window: Math.round(seconds(draft.misfire_window || "24h", "misfire_window", fields)),
    jitter: Math.round(seconds(draft.jitter, "jitter", fields)),
  };
  const rest = {
    schedule: schedule.trim(),
    timezone: timezone.trim(),
    enabled,
    overlap,
    misfire,
    not_before,
    not_after,
  };
  return made({ ...common, ...what, ...rest, ...times }, fields);
}

/** Return the draft with which an entry is changed. */
export function draftOf(entry: CronEntry): CronDraft {
  const { name, queue, working_dir = "", user, workflow, params = {}, schedule, timezone, enabled } = entry;
  const { overlap, misfire } = entry;
  return {
    ...{ name, queue, working_dir, user, workflow, params, schedule, timezone, enabled, overlap, misfire },
    kind: workflow ? "workflow" : "command",
    command: joinWords(entry.args ?? []),
    options: joinWords(entry.batch_opts ?? []),
    output: entry.output_location ?? "",
    time_limit: spanText(entry.limit_s),
    notify: (entry.on_success ?? []).join("\n"),
    misfire_window: spanText(entry.misfire_window),
    jitter: spanText(entry.jitter),
    start_within: spanText(entry.start_within),
    not_before: entry.not_before,
    not_after: entry.not_after,
  };
}

const units: Readonly<Record<string, number>> = { "": 1, s: 1, m: 60, min: 60, h: 3600, d: 86_400 };

/** Read a span of time, "90", "90 s", "15m", "2 h", "1d"; NaN when it is none, 0 for nothing. */
export function spanOf(text: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*(s|m|min|h|d)?$/i.exec(text.trim());
  if (!match) return text.trim() === "" ? 0 : Number.NaN;
  return Number(match[1]) * (units[(match[2] ?? "").toLowerCase()] ?? 1);
}

/** Write a span of time as it is typed: "15m"; "" for none. */
export function spanText(seconds: number): string {
  if (!seconds) return "";
  for (const unit of ["d", "h", "m"]) {
    const size = units[unit] as number;
    if (seconds % size === 0) return `${seconds / size}${unit}`;
  }
  return String(seconds);
}

function runPart(draft: RunDraft): [Record<string, unknown>, Record<string, string>] {
  const fields: Record<string, string> = {};
  return [
    {
      name: draft.name.trim(),
      queue: draft.queue.trim(),
      options: words(draft.options, "options", fields),
      working_dir: draft.working_dir.trim(),
      output: draft.output.trim(),
      time_limit: seconds(draft.time_limit, "time_limit", fields),
      notify: draft.notify
        .split(/[\n,]+/)
        .map((one) => one.trim())
        .filter(Boolean),
      user: draft.user.trim(),
    },
    fields,
  ];
}

function words(text: string, name: string, fields: Record<string, string>): string[] {
  const { words, wrong } = splitWords(text);
  if (wrong) fields[name] = wrong;
  return words;
}

function seconds(text: string, name: string, fields: Record<string, string>): number {
  const value = spanOf(text);
  if (Number.isNaN(value)) fields[name] = "Write a span of time such as 90 s, 15 m, 2 h or 1 d.";
  return value;
}

function made(body: Record<string, unknown>, fields: Record<string, string>): Made {
  return Object.keys(fields).length > 0 ? { problems: { fields, rest: "" } } : { body };
}

const given = (params: Readonly<Record<string, string>>) =>
  Object.fromEntries(Object.entries(params).filter(([, value]) => value !== ""));
