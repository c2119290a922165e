import { lazy, Suspense } from "react";
import { Link } from "react-router";
import type { WholeJob } from "../../../api/batch";
import { ErrorBoundary } from "../../../components/ErrorBoundary";
import type { Selection } from "../selection";
import { hasEnded } from "../states";
import { hasRun } from "./jobView";

interface Props {
  job: WholeJob;
  selection: Selection;
}

// Fetched with the first job that has used something; who lists jobs does not wait for it.
const Efficiency = lazy(() =>
  import("./Efficiency").then(
    (part) => ({ default: part.Efficiency }),
    () => ({ default: Unfetched }),
  ),
);

function Unfetched() {
  return <p className="muted">This part of the page could not be fetched: load the page again.</p>;
}

/** The same job as the live page sees it: what it uses and wastes once it has begun, and the way there. */
export function Elsewhere({ job, selection }: Props) {
  const there = { pathname: "/live", search: `job=${encodeURIComponent(job.scheduler_id ?? "")}` };
  const ended = hasEnded(job.status);
  if (!hasRun(job)) {
    return (
      <p className="elsewhere">
        <Link to={there}>{ended ? "This job on the live page" : "Its place in the queue"}</Link>
      </p>
    );
  }
  return (
    <>
      <h3>
        {ended ? "What it used and wasted" : "What it uses and wastes"}
        <Link className="aside" to={there}>
          This job on the live page
        </Link>
      </h3>
      <ErrorBoundary part="What was seen of it" version={job.status}>
        <Suspense fallback={<p className="muted">Reading what was seen of it …</p>}>
          <Efficiency job={job} selection={selection} />
        </Suspense>
      </ErrorBoundary>
    </>
  );
}
