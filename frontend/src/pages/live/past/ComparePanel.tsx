import { type ReactNode, useMemo } from "react";
import { Link } from "react-router";
import type { Snapshot } from "../../../api/snapshot";
import { Panel } from "../../../components/Panel";
import { type ColumnOf, VirtualTable } from "../../../components/VirtualTable";
import { stateWord } from "../../../efficiency/states";
import { count, counted, moment } from "../../../lib/format";
import type { Selection } from "../selection";
import { type Comparison, compare, type JobChange, type UserChange } from "./compare";

interface Props {
  one: Snapshot;
  other: Snapshot;
  selection: Selection;
}

/** What changed between two instants. */
export function ComparePanel({ one, other, selection }: Props) {
  const result = useMemo(() => compare(one, other), [one, other]);
  const version = `${result.from} ${result.to}`;
  const at = (time: number, patch: Parameters<Selection["to"]>[0]) =>
    selection.to({ at: String(time), with: null, ...patch });
  const job = (time: number): ColumnOf<JobChange> => ({
    key: "job",
    title: "Job",
    className: "grow",
    cell: (row) => (
      <Link to={at(time, { job: row.id, node: null })}>
        <b>{row.id}</b> <span className="name">{row.name}</span>
      </Link>
    ),
  });
  const user: ColumnOf<JobChange> = { key: "user", title: "User", className: "user", cell: (row) => row.user };
  const cores: ColumnOf<JobChange> = {
    key: "cores",
    title: "Cores",
    className: "num",
    cell: (row) => count(row.cores),
  };
  const end: ColumnOf<JobChange> = {
    key: "state",
    title: "Ended",
    className: "status",
    cell: (row) => (row.state ? stateWord(row.state) : <span className="muted">not known how</span>),
  };
  return (
    <div className="comparison">
      <Totals result={result} />
      <Panel title={`${counted(result.started.length, "job")} started`} version={version}>
        <VirtualTable
          caption="Jobs that started"
          columns={[job(result.to), user, cores]}
          rows={result.started}
          rowKey={(row) => row.id}
          empty="No job started."
        />
      </Panel>
      <Panel title={`${counted(result.ended.length, "job")} ended`} version={version}>
        <VirtualTable
          caption="Jobs that ended"
          columns={[job(result.from), user, cores, end]}
          rows={result.ended}
          rowKey={(row) => row.id}
          empty="No job ended."
        />
      </Panel>
      <Panel title="Who grew, who shrank" version={version}>
        <VirtualTable
          caption="Users whose cores changed"
          columns={userColumns((name) => at(result.to, { user: name, job: null, node: null }))}
          rows={result.users}
          rowKey={(row) => row.name}
          empty="Nobody's cores changed."
        />
      </Panel>
    </div>
  );
}

function userColumns(to: (name: string) => { search: string }): ColumnOf<UserChange>[] {
  return [
    { key: "user", title: "User", className: "grow", cell: (row) => <Link to={to(row.name)}>{row.name}</Link> },
    { key: "before", title: "Before", className: "num", cell: (row) => count(row.before) },
    { key: "after", title: "After", className: "num", cell: (row) => count(row.after) },
    { key: "change", title: "Change", className: "num", cell: (row) => signed(row.after - row.before) },
  ];
}

function Totals({ result }: { result: Comparison }) {
  const { running, avail, pending, gone, back, stayed } = result;
  return (
    <section className="comparison-totals" aria-label="In short">
      <p>
        From <b>{moment(result.from)}</b> to <b>{moment(result.to)}</b>:{" "}
        {sentence([
          `cores in use ${signed(running.after - running.before)} (${count(running.before)} → ${count(running.after)})`,
          avail.before === avail.after ? "" : `available ${signed(avail.after - avail.before)}`,
          `waiting jobs ${signed(pending.after - pending.before)} (${count(pending.before)} → ${count(pending.after)})`,
          `${counted(stayed, "job")} ran at both`,
        ])}
        .
      </p>
      <Nodes title="Nodes gone" names={gone} />
      <Nodes title="Nodes back" names={back} />
    </section>
  );
}

function Nodes({ title, names }: { title: string; names: string[] }): ReactNode {
  if (names.length === 0) return null;
  return (
    <p>
      {title}: <b>{names.slice(0, 40).join(", ")}</b>
      {names.length > 40 && ` and ${names.length - 40} more`}
    </p>
  );
}

const sentence = (parts: string[]): string => parts.filter(Boolean).join(", ");

function signed(value: number): string {
  return value === 0 ? "±0" : `${value > 0 ? "+" : "−"}${count(Math.abs(value))}`;
}
