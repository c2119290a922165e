// What the scheduler and the nodes know of a job besides its use of the machine; "" where it is not known.
import type { Run } from "../api/finished";
import { count, counted, disk, lasted, memory, moment } from "../lib/format";
import type { JobView } from "./jobView";

export type Fact = readonly [title: string, words: string];

/** The facts of a job that waits or runs. */
export function jobFacts({ job, running }: JobView): Fact[] {
  const nodes = job.hosts.length || job.nNodes || 0;
  const request = [
    `${count(job.cpus)} ${job.cpus === 1 ? "core" : "cores"}`,
    job.gpus > 0 ? `${count(job.gpus)} ${job.gpus === 1 ? "GPU" : "GPUs"}` : "",
    nodes > 0 ? `on ${count(nodes)} ${nodes === 1 ? "node" : "nodes"}` : "",
  ];
  return [
    ["Account", job.account],
    ["Partition", job.partition],
    ["Holds", request.filter(Boolean).join(" ")],
    ["Mem request", job.memReq ? `${memory(job.memReq)} per node` : ""],
    ["Most used", job.memMax ? `${memory(job.memMax)} on one node` : ""],
    ["Scratch", job.jobfsReq ? `${disk(job.jobfsReq)} per node` : ""],
    ["Submitted", job.submit ? moment(job.submit) : ""],
    [job.state === "PENDING" ? "Could start" : "Started", job.start ? moment(job.start) : ""],
    ["Ended", job.end && !running ? moment(job.end) : ""],
    ["Waits for", job.state === "PENDING" && job.reason !== "None" ? job.reason : ""],
    ["Depends on", job.dependency],
    ["Array tasks", job.arrayTasks],
    ["Priority", job.state === "PENDING" && job.priority !== null ? count(job.priority) : ""],
    ["Exit code", job.exitCode !== null && !running && job.state !== "PENDING" ? String(job.exitCode) : ""],
  ];
}

/** The facts of a job that has ended. */
export function runFacts(run: Run): Fact[] {
  const ran = run.end !== null && run.start !== null ? run.end - run.start : null;
  return [
    ["Account", run.account],
    ["Partition", run.partition],
    ["Held", [counted(run.cpus, "core"), run.gpus ? counted(run.gpus, "GPU") : ""].filter(Boolean).join(", ")],
    ["Nodes", nodesOf(run)],
    ["Submitted", run.submit ? moment(run.submit) : ""],
    ["Waited", run.wait === null ? "" : lasted(run.wait)],
    ["Started", run.start ? moment(run.start) : ""],
    ["Ended", run.end ? moment(run.end) : ""],
    ["Exit code", run.exitCode === null ? "" : String(run.exitCode)],
    ["Watched", ran !== null && run.seen < 0.95 * ran ? `${lasted(run.seen)} of the run` : ""],
  ];
}

function nodesOf(run: Run): string {
  const named = run.hosts.slice(0, 8).join(", ");
  const more = (run.nNodes ?? run.hosts.length) - Math.min(8, run.hosts.length);
  return more > 0 ? `${named} and ${count(more)} more` : named;
}
