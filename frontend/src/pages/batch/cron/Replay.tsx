import { type FormEvent, useId, useRef, useState } from "react";
import type { CronEntry } from "../../../api/batch";
import { serverNow } from "../../../api/fetch";
import { useAct } from "../../../api/useBatch";
import { counted } from "../../../lib/format";

/** Runs what was missed or skipped in a span of time; what has fired is not run again. */
export function Replay({ entry }: { entry: CronEntry }) {
  const act = useAct();
  const [open, setOpen] = useState(false);
  const [told, setTold] = useState({ text: "", failed: false });
  const [busy, setBusy] = useState(false);
  const since = useRef<HTMLInputElement>(null);
  const until = useRef<HTMLInputElement>(null);
  const id = useId();
  if (!open) {
    return (
      <button type="button" onClick={() => setOpen(true)}>
        Replay …
      </button>
    );
  }
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    const span = { since: epochOf(since.current?.value), until: epochOf(until.current?.value) };
    if (Number.isNaN(span.since + span.until)) return setTold({ text: "Give both times.", failed: true });
    setBusy(true);
    try {
      const { jobs } = await act<{ jobs: number[] }>("POST", `cron/${entry.cron_id}/replay/span`, span);
      setTold({
        text: jobs.length ? `${counted(jobs.length, "due time")} run again.` : "Nothing was missed then.",
        failed: false,
      });
    } catch (error) {
      setTold({ text: error instanceof Error ? error.message : String(error), failed: true });
    }
    setBusy(false);
  };
  const now = serverNow();
  return (
    <form className="form replay" aria-label="Replay" onSubmit={submit} noValidate>
      <p className="hint wide">
        Runs what was missed or skipped between two times (yours); what has fired is left alone.
      </p>
      <div className="field">
        <label htmlFor={`${id}-since`}>From</label>
        <input ref={since} id={`${id}-since`} type="datetime-local" defaultValue={localOf(now - 86_400)} />
      </div>
      <div className="field">
        <label htmlFor={`${id}-until`}>To</label>
        <input ref={until} id={`${id}-until`} type="datetime-local" defaultValue={localOf(now)} />
      </div>
      <div className="buttons wide">
        <button type="submit" className="strong" disabled={busy}>
          Run them
        </button>
        <button type="button" onClick={() => setOpen(false)}>
          Close
        </button>
        <span role="status" className={told.failed ? "error-text" : ""}>
          {told.text}
        </span>
      </div>
    </form>
  );
}

const epochOf = (text = ""): number => Math.round(new Date(text).getTime() / 1000);

/** Write a time as a field for local times takes it. */
function localOf(epoch: number): string {
  const date = new Date(epoch * 1000);
  return new Date(date.getTime() - date.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}
