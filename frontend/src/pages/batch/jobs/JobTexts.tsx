import { useState } from "react";
import { isAbsent } from "../../../api/ask";
import type { WholeJob } from "../../../api/batch";
import { token } from "../../../api/session";
import { useJobText } from "../../../api/useBatch";
import { useSite } from "../../../api/useLive";
import { CopyButton } from "../../../components/CopyButton";
import { disk } from "../../../lib/format";
import type { Selection } from "../selection";
import { hasEnded } from "../states";
import { TextBox } from "../TextBox";

/** The end of a job's output, or all that is kept of it: ?show=output. */
export function JobOutput({ job, selection }: { job: WholeJob; selection: Selection }) {
  const site = useSite();
  const begun = job.started_at !== null || (job.output_tail ?? null) !== null;
  const ended = hasEnded(job.status);
  const own = (job.output_location ?? "") !== "";
  const whole = selection.show === "output" && !own;
  // Nothing is in the store before the end: until then the file itself is read.
  const read = begun && !own && (whole || !ended);
  const query = useJobText(job.job_id, "output", read, !ended);
  if (!begun) return null;
  const text = read ? (query.data ?? "") : (job.output_tail ?? "");
  const shown = whole ? text : endOf(text, 4096);
  const cut = !whole && (job.output_bytes ?? text.length) > shown.length;
  return (
    <>
      <h3>
        Output{" "}
        <span className="muted">
          {[job.output_bytes !== null ? sizeOf(job.output_bytes) : "", cut && shown !== "" ? "the end of it" : ""]
            .filter(Boolean)
            .join(", ")}
        </span>
        <span className="aside">
          {!own && (
            <button type="button" aria-pressed={whole} onClick={() => selection.set({ show: whole ? null : "output" })}>
              Whole output
            </button>
          )}
          {!own && token() === "" && (
            <a href={`${site.address}batch/jobs/${job.job_id}/output`} target="_blank" rel="noreferrer">
              As text
            </a>
          )}
          {shown !== "" && <CopyButton text={shown} />}
        </span>
      </h3>
      {own && <p className="muted">It goes to {job.output_location}, which is not shown here in full.</p>}
      {query.error && !isAbsent(query.error) && <p className="error-text">{query.error.message}</p>}
      {shown !== "" ? (
        <TextBox key={String(whole)} title="Output" text={shown} tall={whole} fromEnd={!whole} />
      ) : (
        !own && <p className="muted">{ended ? "It wrote nothing." : "It has written nothing yet."}</p>
      )}
    </>
  );
}

/** The script as it was submitted, read when it is opened. */
export function JobScript({ job, folder }: { job: WholeJob; folder: string | null }) {
  const [open, setOpen] = useState(false);
  const query = useJobText(job.job_id, "script", open, false);
  if (job.submitted_at === null) return null;
  return (
    <details className="script" onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>The script as it was submitted</summary>
      {folder && <p className="muted">Kept in {folder}</p>}
      {query.error && <p className="error-text">{query.error.message}</p>}
      {query.data !== undefined && <TextBox title="Script" text={query.data} />}
    </details>
  );
}

/** Return the last lines of a text, as many as fit into so many characters; no line is cut but a very long last one. */
function endOf(text: string, most: number): string {
  if (text.length <= most) return text;
  const end = text.slice(-most);
  const line = end.indexOf("\n") + 1;
  return line < end.length ? end.slice(line) : end;
}

const sizeOf = (bytes: number): string => (bytes < 1000 ? `${bytes} B` : disk(bytes / 1e6));
