import { Link } from "react-router";
import { FactList } from "../../components/FactList";
import { Meter } from "../../components/Meter";
import { jobFacts } from "../../efficiency/facts";
import type { JobView } from "../../efficiency/jobView";
import { duration } from "../../lib/format";
import type { Selection } from "./selection";

/** What is known about a job besides its use of the machine. */
export function JobFacts({ view, selection }: { view: JobView; selection: Selection }) {
  const { job, minutes } = view;
  const user = (
    <Link key="user" to={selection.to({ user: job.user })}>
      {job.user}
    </Link>
  );
  return (
    <>
      <FactList facts={[["User", user], ...jobFacts(view)]} />
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
