// What /api/batch/releases answers.

/** queued, running, ok, erased, failed, stopped …, or the letter of a red dot: C checkout, O compile, T test. */
export type Mark = string;

export interface Cell {
  build_id: number;
  run_id: number | null;
  mark: Mark;
  stages: string[];
  erased: string[];
  /** This and what may be missing below is shown to the staff alone, unless a setting opens it. */
  reason?: string;
  started_at: number | null;
  finished_at: number | null;
}

export interface Version {
  package: string;
  version: string;
  version_type: string;
  tag: string;
  noticed_at: number;
  running: boolean;
  cells: Record<string, Cell>;
}

export interface Versions {
  versions: Version[];
  variants: string[];
  next: number | null;
}

export interface StepResult {
  rc: number;
  log: string | null;
  line: number | null;
  first_error?: string | null;
  seconds: number | null;
  at: number;
}

export interface Failure extends StepResult {
  subpackage: string;
  step: string;
  owner?: string | null;
}

export interface BuildStage {
  name: string;
  status: string;
  visits: number;
  jobs: { job_id: number; status: string; attempt: number; started_at: number | null; finished_at: number | null }[];
  fires: { at: number; rule: string; text?: string; job_id: number | null }[];
}

export interface Build {
  build: Cell & {
    package: string;
    version: string;
    version_type: string;
    tag: string;
    variant: string;
    noticed_at: number;
    place?: string;
    status: string | null;
  };
  stages: BuildStage[];
  columns: {
    title: string;
    build_id: number | null;
    version: string | null;
    variant: string | null;
    mark: Mark | null;
  }[];
  subpackages: { name: string; cells: Record<string, StepResult>[] }[];
  failures: Failure[];
}

export interface KnownPackage {
  package: string;
  variants: string[];
  configured: boolean;
}

export interface ErasePreview {
  builds: {
    build_id: number;
    package: string;
    version: string;
    variant: string;
    sizes: Record<string, { bytes: number; files: number; complete: boolean }>;
  }[];
  parts: string[];
  token: string;
  bytes: number;
  complete: boolean;
}
