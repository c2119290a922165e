import { Link } from "react-router";
import { FactList } from "../../../components/FactList";
import { count, duration, memory, moment, span } from "../../../lib/format";
import type { Selection } from "../selection";
import { askOf, encodeAsk } from "./ask";
import type { Waiting } from "./queue";
import { explain } from "./reasons";

interface Props {
  row: Waiting;
  queued: number;
  /** Epoch seconds of the snapshot. */
  now: number;
  selection: Selection;
}

/** Why one job waits, what to do about it, and what it asks for. */
export function PendingDetail({ row, queued, now, selection }: Props) {
  const { job, tasks, rank, age } = row;
  const reason = explain(job.reason);
  const facts: [string, string][] = [
    ["User", job.account ? `${job.user} (${job.account})` : job.user],
    ["Partition", job.partition],
    ["Tasks", tasks > 1 ? `${count(tasks)} of an array: ${job.arrayTasks}` : ""],
    ["Cores", count(job.cpus)],
    ["Nodes", job.nNodes ? count(job.nNodes) : ""],
    ["GPUs", job.gpus ? count(job.gpus) : ""],
    ["Memory", job.memReq ? `${memory(job.memReq)} per node` : ""],
    ["Time limit", job.timeLimit === null ? "none" : duration(job.timeLimit)],
    ["Waits since", job.submit ? `${moment(job.submit)}, ${span(age)}` : ""],
    ["Priority", job.priority === null ? "" : `${job.priority}, place ${count(rank)} of ${count(queued)}`],
    [
      "Estimated start",
      job.start ? `${moment(job.start)}${job.start > now ? `, in ${span(job.start - now)}` : ""}` : "",
    ],
    ["Depends on", job.dependency],
  ];
  return (
    <div className="detail">
      <p className="lead">
        Pending <span className="name">{job.name}</span>
      </p>
      <section className="findings" aria-label="Why it waits">
        <article className="finding">
          <h3>{job.reason || "Not looked at yet"}</h3>
          <p>{reason.words}</p>
          {reason.advice && <p className="advice">{reason.advice.replace("JOBID", job.id)}</p>}
        </article>
      </section>
      <FactList facts={facts} />
      <p>
        <Link to={selection.to({ job: null, ask: encodeAsk(askOf(job)) })}>Could such a job run now?</Link>
      </p>
      <button type="button" onClick={() => selection.set({ job: null }, false)}>
        Back
      </button>
    </div>
  );
}
