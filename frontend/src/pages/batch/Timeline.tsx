import type { ReactNode } from "react";
import { clock, moment } from "../../lib/format";
import { State } from "./State";

export interface TimelineEntry {
  key: string | number;
  at: number;
  /** A state, where the entry is a change of state. */
  status?: string;
  text: ReactNode;
  who?: string;
}

/** What happened, one line after the other; the day is told where it changes. */
export function Timeline({ entries }: { entries: readonly TimelineEntry[] }) {
  if (entries.length === 0) return <p className="muted">Nothing yet.</p>;
  return (
    <ol className="timeline">
      {entries.map((entry, i) => {
        const before = entries[i - 1];
        const day = moment(entry.at).replace(/ [\d:]+$/, "");
        const newDay = before === undefined || moment(before.at).replace(/ [\d:]+$/, "") !== day;
        return (
          <li key={entry.key}>
            <time dateTime={new Date(entry.at * 1000).toISOString()}>
              {newDay && <span className="muted">{day} </span>}
              {clock(entry.at)}
            </time>
            <div>
              {entry.status && <State status={entry.status} />} <span className="text">{entry.text}</span>
              {entry.who && <span className="muted"> – {entry.who}</span>}
            </div>
          </li>
        );
      })}
    </ol>
  );
}
