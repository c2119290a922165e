// A run of a workflow and its stages, put into the order in which they are shown.
import type { Run, RunAnswer, RunStage, Stage, Workflow } from "../../../api/batch";

export interface StageView {
  name: string;
  status: string;
  visits: number;
  job_id: number | null;
  final: boolean;
  optional: boolean;
  join: string;
  next: string[];
}

/** Stages in the order of their definition, those that were not begun included; stages of an older file come last. */
export function stagesOf(answer: Pick<RunAnswer, "run" | "stages">, workflow: Workflow | undefined): StageView[] {
  const known = new Map(answer.stages.map((stage) => [stage.name, stage]));
  // A file that was changed since says nothing about this run.
  const defined = workflow?.sha256 === answer.run.sha256 ? workflow.stages : [];
  const over = !["queued", "running"].includes(answer.run.status);
  const views = defined.map((stage) => viewOf(stage.name, known.get(stage.name), stage, over));
  const others = answer.stages.filter((stage) => !defined.some((one) => one.name === stage.name));
  return [...views, ...others.map((stage) => viewOf(stage.name, stage, undefined, over))];
}

function viewOf(name: string, stage: RunStage | undefined, defined: Stage | undefined, over: boolean): StageView {
  const status = stage?.status ?? "waiting";
  return {
    name,
    status: status === "waiting" && over ? "skipped" : status,
    visits: stage?.visits ?? 0,
    job_id: stage?.job_id ?? null,
    final: defined?.final ?? false,
    optional: defined?.optional ?? false,
    join: defined?.join ?? "",
    next: defined?.next ?? [],
  };
}

/** Say when a stage runs, where that is not simply after the one before it. */
export function roleOf(stage: Pick<StageView, "final" | "optional" | "join">, leads: number): string {
  const joins: Record<string, string> = {
    all_ok: "Runs when all that lead here have succeeded.",
    all_done: "Runs when all that lead here have ended.",
    any: "Runs when any that leads here has succeeded.",
  };
  return [
    stage.final ? "Runs once, at the end, in any case." : leads > 1 ? joins[stage.join] : "",
    stage.optional ? "Optional: its failure is not the run's." : "",
  ]
    .filter(Boolean)
    .join(" ");
}

/** How many stages lead to each: name → number. */
export function leadsTo(stages: readonly { next: readonly string[] }[]): Map<string, number> {
  const leads = new Map<string, number>();
  for (const { next } of stages) for (const name of next) leads.set(name, (leads.get(name) ?? 0) + 1);
  return leads;
}

/**
 * Put stages side by side that can run side by side: the column of a stage is one more than the largest of those that
 * lead to it. A way back, as loops have, is no lead; final stages stand at the end.
 */
export function columnsOf(stages: readonly Pick<Stage, "name" | "next" | "final">[]): string[][] {
  const place = new Map(stages.map((stage, i) => [stage.name, i]));
  const column = new Map<string, number>();
  for (const [i, stage] of stages.entries()) {
    const own = column.get(stage.name) ?? 0;
    column.set(stage.name, own);
    for (const next of stage.next) {
      if ((place.get(next) ?? -1) > i) column.set(next, Math.max(column.get(next) ?? 0, own + 1));
    }
  }
  const last = Math.max(0, ...stages.filter((stage) => !stage.final).map((stage) => column.get(stage.name) ?? 0));
  for (const stage of stages) if (stage.final) column.set(stage.name, Math.max(last + 1, column.get(stage.name) ?? 0));
  const columns: string[][] = [];
  for (const { name } of stages) {
    const at = column.get(name) ?? 0;
    while (columns.length <= at) columns.push([]);
    columns[at]?.push(name);
  }
  return columns.filter((names) => names.length > 0);
}

/** Write a run's parameters: "package: app, version: 1.2". */
export const paramsOf = (run: Pick<Run, "params">): string =>
  Object.entries(run.params ?? {})
    .map(([name, value]) => `${name}: ${value}`)
    .join(", ");

/** Seconds from a run's start to its end, or so far; null before it has begun. */
export function tookOf(run: Pick<Run, "started_at" | "finished_at">, now: number): number | null {
  return run.started_at === null ? null : Math.max(0, (run.finished_at ?? now) - run.started_at);
}
