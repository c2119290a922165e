import { useState } from "react";
import type { Live } from "../../api/live";
import { useLive, useSite } from "../../api/useLive";
import { moment, span } from "../../lib/format";
import { useNow } from "../../lib/useNow";
import { FinishedPage } from "./finished/FinishedPage";
import { FuturePage } from "./future/FuturePage";
import { Panes } from "./Panes";
import { PastPage } from "./past/PastPage";
import { modeOf, useSelection } from "./selection";

export function LivePage() {
  const { data, error, refetch } = useLive();
  const site = useSite();
  const [anyway, setAnyway] = useState(false);
  const now = modeOf(useSelection()) !== "past";
  const age = useNow(5) - (data?.snapshot.timestamp ?? 0);
  if (data === undefined) return error ? <Failed error={error} retry={refetch} /> : <Loading />;
  if (age > site.maintenanceAge && now && !anyway) {
    return (
      <div className="state" role="alert">
        <h2>{site.maintenanceText || "The monitor is being maintained"}</h2>
        <p>
          The last snapshot is of {moment(data.snapshot.timestamp)}, {span(age)} ago. This page goes on by itself when
          there is a new one.
        </p>
        {error && <p className="muted">{error.message}</p>}
        <button type="button" onClick={() => setAnyway(true)}>
          Show the last snapshot anyway
        </button>
      </div>
    );
  }
  return (
    <>
      {error && now && (
        <p className="notice warn" role="alert">
          New data cannot be read: {error.message}. Below is the snapshot of {moment(data.snapshot.timestamp)}; it is
          tried again every {site.fetchFrequency} s.
        </p>
      )}
      {data.problems.map((problem) => (
        <p key={problem} className="notice warn" role="status">
          {problem}. Charts and judgements lack its part.
        </p>
      ))}
      <Shown live={data} />
    </>
  );
}

function Shown({ live }: { live: Live }) {
  const mode = modeOf(useSelection());
  if (mode === "present") return <Panes live={live} />;
  if (mode === "past") return <PastPage live={live} />;
  return mode === "finished" ? <FinishedPage live={live} /> : <FuturePage live={live} />;
}

function Loading() {
  return (
    <div className="state" role="status">
      <h2>Reading the cluster …</h2>
      <div className="skeleton" aria-hidden="true">
        <i />
        <i />
        <i />
      </div>
    </div>
  );
}

function Failed({ error, retry }: { error: Error; retry: () => void }) {
  const site = useSite();
  return (
    <div className="state" role="alert">
      <h2>{/: 401 /.test(error.message) ? "Please sign in" : "The cluster's data cannot be read"}</h2>
      <p className="error-text">{error.message}</p>
      <p>It is tried again every {site.fetchFrequency} s.</p>
      <button type="button" onClick={() => retry()}>
        Try now
      </button>
    </div>
  );
}
