// What /api/batch tells and takes. Times are epoch seconds; null is not known, or not yet. What may be missing is shown
// to whose it is and to the staff alone (docs/access.md); `content` says whether it is.

export interface JobRow {
  job_id: number;
  name: string;
  command?: string;
  status: string;
  /** How it ended: exit, signal, timeout, oom, node_fail, cancelled, lost, late, submit_error. */
  ending: string | null;
  return_code: number | null;
  signal: number | null;
  reason?: string | null;
  queue: string;
  user: string;
  /** The login of who asked for it; empty when that was no person. */
  submitted_by: string;
  /** person, cron or workflow. */
  origin: string;
  scheduler: string;
  scheduler_id: string | null;
  attempt: number;
  tries: number;
  /** The scheduler was asked, and it is not clear whether it has the job. */
  unknown: boolean;
  created_at: number;
  not_before: number;
  /** It is not started any more after this. */
  latest_start: number | null;
  submitted_at: number | null;
  started_at: number | null;
  finished_at: number | null;
  host: string | null;
  output_bytes: number | null;
  cron_id: number | null;
  run_id: number | null;
  stage: string | null;
  parent_job_id: number | null;
  labels?: Record<string, string>;
  /** The crontab entry that asked for it, and when it was due. */
  cron: string | null;
  due_at: number | null;
  content: boolean;
}

export interface WholeJob extends JobRow {
  args?: string[];
  batch_opts?: string[];
  limit_s: number;
  on_success?: string[];
  working_dir?: string;
  output_location?: string;
  output_tail?: string | null;
  submit_key: string;
  fence: number | null;
  priority: number;
  cancel_at: number | null;
  released_at: number | null;
}

export interface JobEvent {
  event_id: number;
  at: number;
  who: string;
  /** person, cron, workflow or master. */
  origin: string;
  fence: number | null;
  status: string;
  text?: string;
}

export interface JobAnswer {
  job: WholeJob;
  events: JobEvent[];
  attempts: { job_id: number; attempt: number; status: string }[];
  folder: string | null;
}

export interface JobPage {
  jobs: JobRow[];
  next: number | null;
}

export interface Fire {
  cron_id: number;
  scheduled_for: number;
  fired_at: number;
  fence: number | null;
  outcome: string;
  reason?: string;
  job_id: number | null;
  run_id?: number | null;
}

export interface CronEntry {
  cron_id: number;
  name: string;
  schedule: string;
  timezone: string;
  enabled: boolean;
  command?: string;
  args?: string[];
  workflow: string;
  params?: Record<string, string>;
  overlap: string;
  misfire: string;
  misfire_window: number;
  jitter: number;
  /** Seconds after its time until which a job must have started; 0 for no such limit. */
  start_within: number;
  not_before: number | null;
  not_after: number | null;
  queue: string;
  batch_opts?: string[];
  limit_s: number;
  on_success?: string[];
  working_dir?: string;
  output_location?: string;
  user: string;
  version: number;
  content: boolean;
  next: number[];
  last: Fire | null;
}

export interface Stage {
  name: string;
  command?: string[];
  queue: string;
  join: string;
  final: boolean;
  optional: boolean;
  next: string[];
  rules: number;
}

export interface Workflow {
  name: string;
  file?: string;
  sha256: string;
  params: string[];
  stages: Stage[];
}

export interface Run {
  run_id: number;
  workflow: string;
  status: string;
  reason?: string | null;
  params?: Record<string, string>;
  started_at: number | null;
  finished_at: number | null;
  /** The login of who started it; empty when that was no person. */
  started_by: string;
  origin: string;
  parent_run_id: number | null;
  cron_id: number | null;
}

export interface RunStage {
  name: string;
  status: string;
  visits: number;
  job_id: number | null;
}

export interface RuleFire {
  at: number;
  stage: string;
  job_id: number | null;
  rule: number | string | null;
  text?: string;
}

export interface RunAnswer {
  run: Run & { sha256: string };
  stages: RunStage[];
  jobs: JobRow[];
  fires: RuleFire[];
}

export interface QueueLimit {
  queue: string;
  max_pending: number | null;
  max_running: number | null;
  submits_per_minute: number | null;
}

type Troubled = Pick<JobRow, "job_id" | "name" | "status" | "reason" | "tries" | "finished_at"> & {
  /** Why its own record, or the job itself, was put aside. */
  put_aside: string | null;
};

export interface Attention {
  unclear: Troubled[];
  lost: Troubled[];
  refused: Troubled[];
  put_aside: Troubled[];
  unsent?: { kind: string; recipient: string; subject: string; state: string; error: string | null }[];
  messages: Record<string, number | null>;
  orphans: number;
}

export interface Masters {
  holder: string | null;
  endpoint: string | null;
  fence: number | null;
  since: number | null;
  expires_in: number | null;
  takeovers: number;
  candidates: { holder: string; host: string; endpoint: string; seen_at: number }[];
  this: string | null;
  preferred: string;
  run_time: number;
  run_time_left: number | null;
  scheduler: string | null;
  troubles?: string[];
}

export interface Overview {
  counts: Record<string, number>;
  limits: QueueLimit[];
  /** Missing for who may see only what is their own. */
  attention?: Attention;
  master: Masters;
}

export interface Todo {
  todo_id: number;
  at: number;
  who: string;
  what: string;
  target: string;
  result?: string;
}

export interface Person {
  user: string | null;
  shown: string | null;
  role: "anonymous" | "user" | "operator" | "admin";
  staff: boolean;
}
