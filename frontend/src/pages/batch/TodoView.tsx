import { Link } from "react-router";
import type { Todo } from "../../api/batch";
import { useBatch } from "../../api/useBatch";
import { Panel } from "../../components/Panel";
import { SearchField } from "../../components/SearchField";
import { type ColumnOf, VirtualTable } from "../../components/VirtualTable";
import { moment } from "../../lib/format";
import { Answer } from "./Answer";
import { toJob, toRun, useSelection } from "./selection";
import { Withheld } from "./Withheld";

const columns: ColumnOf<Todo>[] = [
  {
    key: "what",
    title: "Asked for",
    className: "asked",
    cell: (row) => (
      <>
        {row.what} <Target text={row.target} />
      </>
    ),
  },
  { key: "who", title: "By", className: "user", cell: (row) => row.who },
  { key: "at", title: "When", className: "num asked-at", cell: (row) => moment(row.at) },
  {
    key: "result",
    title: "Result",
    className: "grow opt",
    cell: (row) => <span title={row.result}>{row.result}</span>,
  },
];

/** What people have asked for, with its result; the newest first. */
export function TodoView() {
  const selection = useSelection();
  const query = useBatch<{ todo: Todo[] }>("audit");
  const { q = "" } = selection;
  const text = q.toLowerCase();
  const rows = (query.data?.todo ?? []).filter((row) =>
    `${row.who} ${row.what} ${row.target} ${row.result ?? ""}`.toLowerCase().includes(text),
  );
  return (
    <div className="split">
      <Panel title="What people have asked for" version={query.dataUpdatedAt}>
        <div className="tools">
          <SearchField
            label="Find by person, action or target"
            placeholder="Find person, action, target"
            value={q}
            onChange={(value) => selection.set({ q: value })}
          />
        </div>
        <Answer query={query}>
          {({ todo }) => (
            <>
              {todo.some((row) => row.result === undefined) && (
                <Withheld to="whoever asked and to operators">Results are</Withheld>
              )}
              <VirtualTable
                caption="What people have asked for"
                columns={columns}
                rows={rows}
                rowKey={(row) => String(row.todo_id)}
                empty={todo.length ? "Nothing fits this text." : "Nobody has asked for anything yet."}
              />
            </>
          )}
        </Answer>
      </Panel>
    </div>
  );
}

/** "job 7", "cron nightly", "run 3" as links to what they name. */
function Target({ text }: { text: string }) {
  const [, kind, name = ""] = /^(job|run|cron|workflow) (.+)$/.exec(text) ?? [];
  if (kind === "job") return <Link to={toJob(Number(name))}>{text}</Link>;
  if (kind === "run") return <Link to={toRun(Number(name))}>{text}</Link>;
  if (kind === undefined) return text;
  const search = new URLSearchParams({ [kind === "cron" ? "entry" : "workflow"]: name }).toString();
  return <Link to={{ pathname: kind === "cron" ? "/batch/cron" : "/batch/workflows", search }}>{text}</Link>;
}
