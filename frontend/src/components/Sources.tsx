import type { Snapshot } from "../api/snapshot";
import type { SummarySource } from "../api/types.gen";
import { amount, count, counted, span } from "../lib/format";
import type { Mark } from "../lib/marks";
import { Shape } from "./Shape";

/** Judge a source: bad when it never answered or is long silent, attention when the last load failed or was slow. */
export function sourceMark(source: SummarySource, { timestamp, interval }: Snapshot): Mark {
  if (source.lastSuccess === null) return source.error ? "bad" : "unknown";
  if (timestamp - source.lastSuccess > 5 * interval) return "bad";
  return source.error || source.warning || source.skipped > 0 || (source.duration ?? 0) > interval ? "warn" : "ok";
}

/** Health of what the page is made from: each source, the daemon's cycle, and files that could not be read. */
export function Sources({ snapshot, problems }: { snapshot: Snapshot; problems: string[] }) {
  const { sources, cycle } = snapshot;
  const marks = sources.map((source) => sourceMark(source, snapshot));
  const troubled = marks.filter((mark) => mark !== "ok").length + problems.length;
  const worst: Mark = marks.includes("bad") ? "bad" : troubled > 0 ? "warn" : "ok";
  const counts = sources.some((source) => source.nodes !== null);
  const title = troubled
    ? `${troubled} of ${sources.length + problems.length} in trouble`
    : counted(sources.length, "source");
  return (
    <details className="sources">
      <summary>
        <Shape mark={worst} label={worst === "ok" ? "All sources are fine" : "A source needs attention"} />
        <span className="sources-title">{title}</span>
      </summary>
      <div className="popover">
        <h2>Sources</h2>
        <table>
          <thead>
            <tr>
              <th scope="col">Name</th>
              <th scope="col">Age</th>
              <th scope="col">Took</th>
              {counts && <th scope="col">Nodes</th>}
              <th scope="col">Records</th>
              <th scope="col">Left out</th>
            </tr>
          </thead>
          <tbody>
            {sources.map((source, i) => (
              <SourceRow
                key={source.name}
                source={source}
                mark={marks[i] ?? "unknown"}
                snapshot={snapshot}
                counts={counts}
              />
            ))}
          </tbody>
        </table>
        {problems.map((problem) => (
          <p key={problem} className="notice warn">
            {problem}
          </p>
        ))}
        <p className="muted">
          Cycle: collected in {amount(cycle.collect)} s, published in {amount(cycle.publish)} s
          {cycle.bytes !== null && <>, {count(cycle.bytes / 1000)} kB</>}; {counted(cycle.late, "late cycle")}. jobmon{" "}
          {snapshot.version}
        </p>
      </div>
    </details>
  );
}

function SourceRow(props: { source: SummarySource; mark: Mark; snapshot: Snapshot; counts: boolean }) {
  const { source, mark, snapshot, counts } = props;
  const age = source.lastSuccess === null ? "never" : span(snapshot.timestamp - source.lastSuccess);
  const words: [text: string, style: string][] = [
    [source.error && `${source.error} (${counted(source.errors, "failure")})`, "error-text"],
    [source.warning, "warn-text"],
    [source.error === "" && source.errors > 0 ? `${counted(source.errors, "failure")} before` : "", "muted"],
    ...source.reasons.map((reason): [string, string] => [`Left out: ${reason}`, "muted"]),
  ];
  return (
    <>
      <tr>
        <th scope="row">
          <Shape mark={mark} /> {source.name}
        </th>
        <td>{age}</td>
        <td>{source.duration === null ? "–" : `${amount(source.duration)} s`}</td>
        {counts && <td>{source.nodes === null ? "–" : count(source.nodes)}</td>}
        <td>{count(source.records)}</td>
        <td>{count(source.skipped)}</td>
      </tr>
      {words
        .filter(([text]) => text !== "")
        .map(([text, style]) => (
          <tr key={text}>
            <td colSpan={counts ? 6 : 5} className={style}>
              {text}
            </td>
          </tr>
        ))}
    </>
  );
}
