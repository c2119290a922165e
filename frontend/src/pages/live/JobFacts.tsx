import type { ReactNode } from "react";
import { Link } from "react-router";
import { FactList } from "../../components/FactList";
import { Meter } from "../../components/Meter";
import { count, disk, duration, memory, moment } from "../../lib/format";
import type { JobView } from "./model";
import type { Selection } from "./selection";

/** What is known about a job besides its use of the machine. */
export function JobFacts({ view, selection }: { view: JobView; selection: Selection }) {
  const { job, running, minutes } = view;
  const nodes = job.hosts.length || job.nNodes || 0;
  const request = [
    `${count(job.cpus)} ${job.cpus === 1 ? "core" : "cores"}`,
    job.gpus > 0 ? `${count(job.gpus)} ${job.gpus === 1 ? "GPU" : "GPUs"}` : "",
    nodes > 0 ? `on ${count(nodes)} ${nodes === 1 ? "node" : "nodes"}` : "",
  ];
  const facts: [string, ReactNode][] = [
    [
      "User",
      <Link key="user" to={selection.to({ user: job.user })}>
        {job.user}
      </Link>,
    ],
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
  return (
    <>
      <FactList facts={facts} />
      {minutes !== null && job.state !== "PENDING" && (
        <p className="limit">
          <span>
            Ran <b>{duration(minutes)}</b>
          </span>
          {job.timeLimit !== null ? (
            <>
              <Meter parts={[{ value: minutes / job.timeLimit, tone: "accent" }]} label="Run so far, of the limit" />
              <span className="muted">of {duration(job.timeLimit)}</span>
            </>
          ) : (
            <span className="muted">without a limit</span>
          )}
        </p>
      )}
    </>
  );
}
