import type { Live } from "../../../api/live";
import { Panes } from "../Panes";
import { useSelection } from "../selection";
import { ComparePanel } from "./ComparePanel";
import { TimeMachine } from "./TimeMachine";
import { useInstant } from "./usePast";

/** The cluster as it was at an instant, or what changed between two. */
export function PastPage({ live: present }: { live: Live }) {
  const selection = useSelection();
  const at = timeOf(selection.at);
  const other = timeOf(selection.with);
  const shown = useInstant(present, at);
  const against = useInstant(present, other);
  return (
    <>
      <TimeMachine
        present={present}
        shown={shown.live?.snapshot.timestamp ?? null}
        at={at}
        other={other}
        loading={shown.loading || against.loading}
        selection={selection}
      />
      {[shown.error, other === null ? null : against.error].map(
        (error, i) =>
          error && (
            <p key={i === 0 ? "shown" : "other"} className="notice warn" role="alert">
              This instant cannot be shown: {error.message}. Choose another one.
            </p>
          ),
      )}
      {shown.live?.thinned ? (
        <p className="notice" role="status">
          The snapshots of that time are not kept any more: these are means over{" "}
          {shown.live.thinned === "month" ? "five minutes" : "an hour"}, without what waited and without single cores.
        </p>
      ) : (
        shown.live && <Distance wanted={at} found={shown.live.snapshot} />
      )}
      {shown.live?.problems.map((problem) => (
        <p key={problem} className="notice warn" role="status">
          {problem}. Charts and judgements lack its part.
        </p>
      ))}
      {other !== null && shown.live && against.live ? (
        <ComparePanel one={shown.live.snapshot} other={against.live.snapshot} selection={selection} />
      ) : shown.live ? (
        <Panes live={shown.live} />
      ) : (
        <div className="state" role="status">
          <h2>Reading that instant …</h2>
        </div>
      )}
    </>
  );
}

/** Say so when what is kept is far from what was asked for. */
function Distance({ wanted, found }: { wanted: number | null; found: Live["snapshot"] }) {
  const far = wanted === null ? 0 : Math.abs(wanted - found.timestamp);
  if (far <= Math.max(900, 3 * found.interval)) return null;
  return (
    <p className="notice" role="status">
      The snapshots of that time are not kept any more. Below is the nearest one that is.
    </p>
  );
}

/** Read a time of the address; anything else means none. */
function timeOf(text: string | undefined): number | null {
  return text !== undefined && /^\d{1,12}$/.test(text) ? Number(text) : null;
}
