import { Link } from "react-router";
import type { Live } from "../../api/live";
import { useRun } from "../../api/useLive";
import { FactList } from "../../components/FactList";
import { Shape } from "../../components/Shape";
import { EndedRun } from "../../efficiency/EndedRun";
import { runFacts } from "../../efficiency/facts";
import { stateWord } from "../../efficiency/states";
import type { Selection } from "./selection";

interface Props {
  live: Live;
  id: string;
  selection: Selection;
}

/** A job that has ended: what it held, used and wasted. */
export function EndedJob({ live, id, selection }: Props) {
  const { data: run, error, isPending } = useRun(id, false, 0);
  if (isPending) return <p className="muted">Looking for job {id} …</p>;
  if (error) return <p className="notice warn">{error.message}</p>;
  if (run === null || run === undefined) {
    return <p className="empty">The scheduler does not list job {id} any more, and it was not seen to end.</p>;
  }
  const user = (
    <Link key="user" to={selection.to({ user: run.user })}>
      {run.user}
    </Link>
  );
  return (
    <div className="detail">
      <p className="lead">
        <span className="state-word">
          {/FAIL|TIMEOUT|OUT_OF_MEMORY|DEADLINE/.test(run.state) && <Shape mark="bad" label="" />}
          <span>{stateWord(run.state)}</span>
        </span>{" "}
        <span className="name">{run.name}</span>
      </p>
      <FactList facts={[["User", user], ...runFacts(run)]} />
      <EndedRun live={live} run={run} selection={selection} />
    </div>
  );
}
