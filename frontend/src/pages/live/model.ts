// Everything the lists and details show of one snapshot, worked out once.
import type { Live } from "../../api/live";
import type { Site } from "../../api/site";
import type { Node, Snapshot } from "../../api/snapshot";
import { type JobView, jobView } from "../../efficiency/jobView";
import { scoresOf, shownWindow } from "../../efficiency/judge";
import type { Mark } from "../../lib/marks";
import type { Hit, Scores } from "../../lib/scores";
import type { Window } from "../../lib/window";
import { nodeView, totalsOf } from "./nodeViews";
import { usersOf } from "./userViews";

export interface UserView {
  name: string;
  cores: number;
  gpus: number;
  running: number;
  /** Running jobs of which something is known. */
  known: number;
  pending: number;
  warned: number;
  badness: number;
  mark: Mark;
  waste: Map<string, number>;
}

export type NodeKind = "free" | "part" | "full" | "drain" | "down" | "unknown";

export interface NodeView {
  node: Node;
  kind: NodeKind;
  jobs: JobView[];
  /** Allocated to running jobs. */
  cores: number;
  gpus: number;
  /** Now, NaN when not known: percent busy, MiB, MiB, percent. */
  cpu: number;
  mem: number;
  swap: number;
  gpu: number;
  hits: Hit[];
}

export interface Totals {
  cores: { used: number; of: number };
  gpus: { used: number; of: number };
  /** MiB in use on nodes that are known, and what these nodes have. */
  memory: { used: number; of: number };
  nodes: { up: number; of: number };
}

export interface Model {
  snapshot: Snapshot;
  window: Window;
  scores: Scores;
  jobs: JobView[];
  job: Map<string, JobView>;
  users: UserView[];
  nodes: NodeView[];
  node: Map<string, NodeView>;
  totals: Totals;
}

/** Work out the model of what is loaded. */
export function build(live: Live, site: Site): Model {
  const { snapshot } = live;
  const window = shownWindow(live);
  const scores = scoresOf(snapshot, window, site);
  const jobs = [...snapshot.jobs.values()].map((job) => jobView(job, snapshot, window, scores, site));
  const onHost = new Map<string, JobView[]>();
  for (const view of jobs) {
    if (!view.running) continue;
    for (const { host } of view.job.hosts) {
      const list = onHost.get(host);
      if (list) list.push(view);
      else onHost.set(host, [view]);
    }
  }
  const nodes = snapshot.nodes.map((node) => nodeView(node, onHost.get(node.name) ?? [], window, scores));
  return {
    snapshot,
    window,
    scores,
    jobs,
    job: new Map(jobs.map((view) => [view.job.id, view])),
    users: usersOf(jobs, scores, site),
    nodes,
    node: new Map(nodes.map((view) => [view.node.name, view])),
    totals: totalsOf(snapshot, jobs, nodes),
  };
}
