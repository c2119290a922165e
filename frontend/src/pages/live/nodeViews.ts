// Nodes, and what all of them are together.
import type { Node, Snapshot } from "../../api/snapshot";
import type { JobView } from "../../efficiency/jobView";
import { sum } from "../../efficiency/jobView";
import type { Scores } from "../../lib/scores";
import { lastKnown, rowOf, type Window } from "../../lib/window";
import type { NodeKind, NodeView, Totals } from "./model";

/** Draw together what is known of a node now. */
export function nodeView(node: Node, jobs: JobView[], window: Window, scores: Scores): NodeView {
  const row = window.nodes.of.get(node.name);
  const now = (name: string) => lastKnown(rowOf(window.nodes.columns[name], row, window.times.length));
  let cores = 0;
  let gpus = 0;
  for (const { job } of jobs) {
    for (const place of job.hosts) {
      if (place.host !== node.name) continue;
      cores += place.cores;
      gpus += place.gpus;
    }
  }
  const cpu = now("user") + now("system");
  return {
    node,
    kind: kindOf(node, jobs.length, cores, cpu),
    jobs,
    cores,
    gpus,
    cpu,
    mem: now("mem"),
    swap: now("swap"),
    gpu: now("gpuUtil"),
    hits: scores.nodes.get(node.name) ?? [],
  };
}

function kindOf(node: Node, jobs: number, cores: number, cpu: number): NodeKind {
  const words = node.state.toUpperCase();
  if (!node.up || /DOWN|FAIL|NO_RESPOND|POWERED_DOWN/.test(words)) return "down";
  if (/DRAIN|MAINT|RESERVED|PLANNED_DOWN/.test(words)) return "drain";
  if (Number.isNaN(cpu)) return "unknown";
  if (jobs === 0) return "free";
  return cores >= node.cpus ? "full" : "part";
}

/** Add the counted nodes and the running jobs up. */
export function totalsOf(snapshot: Snapshot, jobs: readonly JobView[], nodes: readonly NodeView[]): Totals {
  const counted = nodes.filter((view) => view.node.counted && view.node.up);
  const known = counted.filter((view) => !Number.isNaN(view.mem) && view.node.memTotal !== null);
  return {
    cores: { used: snapshot.usage.running, of: snapshot.usage.avail },
    gpus: {
      used: sum(jobs.filter((view) => view.running).map((view) => view.job.gpus)),
      of: sum(counted.map((view) => view.node.gpus)),
    },
    memory: { used: sum(known.map((view) => view.mem)), of: sum(known.map((view) => view.node.memTotal ?? 0)) },
    nodes: { up: nodes.filter((view) => view.node.up).length, of: nodes.length },
  };
}
