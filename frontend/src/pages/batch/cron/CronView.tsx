import type { CronEntry } from "../../../api/batch";
import { useBatch } from "../../../api/useBatch";
import { usePerson } from "../../../api/usePerson";
import { Panel } from "../../../components/Panel";
import { SearchField } from "../../../components/SearchField";
import { VirtualTable } from "../../../components/VirtualTable";
import { counted } from "../../../lib/format";
import { useNow } from "../../../lib/useNow";
import { Answer } from "../Answer";
import { Close } from "../Close";
import { useSelection } from "../selection";
import { CronDetail } from "./CronDetail";
import { CronForm } from "./CronForm";
import { cronColumns } from "./cronColumns";

/** The crontab: what is due when, what came of it, and one entry with its history. */
export function CronView() {
  const selection = useSelection();
  const { q = "", entry: name, form } = selection;
  const query = useBatch<{ entries: CronEntry[] }>("cron");
  const { data: person } = usePerson();
  const now = useNow(5);
  const entries = query.data?.entries ?? [];
  const text = q.toLowerCase();
  const rows = entries.filter((one) => `${one.name} ${one.command ?? ""} ${one.workflow}`.toLowerCase().includes(text));
  const chosen = entries.find((one) => one.name === name);
  const close = () => selection.set({ entry: null, form: null }, false);
  const adding = form === "add";
  const editing = form === "edit" && chosen !== undefined;
  return (
    <div className="split" data-shown={name || adding ? "detail" : "list"}>
      <Panel
        title="Crontab"
        version={query.dataUpdatedAt}
        aside={
          <span className="aside">
            <span className="muted found" role="status">
              {query.data && counted(rows.length, "entry", "entries")}
            </span>
            <button
              type="button"
              className="strong"
              disabled={!person?.staff}
              title={person?.staff ? undefined : "Operators and administrators add entries"}
              onClick={() => selection.set({ form: "add", entry: null }, false)}
            >
              Add an entry
            </button>
          </span>
        }
      >
        <div className="tools">
          <SearchField
            label="Find entries by name, command or workflow"
            placeholder="Find name, command, workflow"
            value={q}
            onChange={(value) => selection.set({ q: value })}
          />
        </div>
        <Answer query={query}>
          {() => (
            <VirtualTable
              caption="Crontab entries"
              columns={cronColumns(selection, now)}
              rows={rows}
              rowKey={(row) => row.name}
              rowClass={(row) => (row.enabled ? "" : "resting")}
              selected={name}
              empty={entries.length ? "No entry fits this text." : "The crontab is empty."}
            />
          )}
        </Answer>
      </Panel>
      {adding || editing ? (
        <Panel
          title={editing ? `Change ${name}` : "Add a crontab entry"}
          className="pane-detail"
          version={`${form} ${name}`}
          aside={<Close onClose={() => (editing ? selection.set({ form: null }, false) : close())} />}
        >
          <CronForm
            key={`${form} ${name}`}
            entry={editing ? chosen : undefined}
            onDone={(done) => selection.set({ form: null, entry: done, q: null })}
          />
        </Panel>
      ) : (
        name && (
          <Panel title={name} className="pane-detail" version={name} aside={<Close onClose={close} />}>
            {chosen ? (
              <CronDetail key={name} entry={chosen} selection={selection} />
            ) : (
              query.data && <p className="empty">There is no crontab entry of this name.</p>
            )}
          </Panel>
        )
      )}
    </div>
  );
}
