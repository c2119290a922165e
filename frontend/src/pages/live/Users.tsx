import { useMemo, useState } from "react";
import { Link } from "react-router";
import { Panel } from "../../components/Panel";
import { SearchField } from "../../components/SearchField";
import { Segments } from "../../components/Segments";
import { Shape } from "../../components/Shape";
import { type ColumnOf, VirtualTable } from "../../components/VirtualTable";
import { amount, count, counted, share } from "../../lib/format";
import { markWords } from "../../lib/marks";
import type { Model, UserView } from "./model";
import type { Selection } from "./selection";
import { UsageRing } from "./UsageRing";

const ranks = [
  { value: "use", title: "By use" },
  { value: "waste", title: "By waste" },
] as const;

export function Users({ model, selection }: { model: Model; selection: Selection }) {
  const { user, who = "" } = selection;
  const rank = selection.rank === "waste" ? "waste" : "use";
  const [hovered, setHovered] = useState<string | null>(null);
  const users = useMemo(() => {
    const text = who.toLowerCase();
    const found = model.users.filter((view) => view.name.toLowerCase().includes(text));
    const worse = (a: UserView, b: UserView) => (rank === "waste" ? b.badness - a.badness : 0);
    return found.sort((a, b) => worse(a, b) || b.cores - a.cores || compare(a.name, b.name));
  }, [model, who, rank]);
  const columns = useMemo(() => columnsFor(model, selection), [model, selection]);
  const running = model.users.filter((view) => view.running > 0).length;
  return (
    <Panel
      title="Users"
      className="pane-users"
      version={model.snapshot.timestamp}
      aside={
        <Segments
          label="Order of the users"
          options={ranks}
          value={rank}
          onChange={(value) => selection.set({ rank: value === "use" ? null : value })}
        />
      }
    >
      <div className="tools">
        <SearchField
          label="Find a user"
          placeholder={`Find one of ${counted(model.users.length, "user")} (${count(running)} running)`}
          value={who}
          onChange={(value) => selection.set({ who: value })}
        />
      </div>
      <UsageRing model={model} selection={selection} hovered={hovered} onHover={setHovered} />
      <VirtualTable
        caption="Users"
        columns={columns}
        rows={users}
        rowKey={(view) => view.name}
        selected={user}
        rowClass={(view) => (view.name === hovered ? "near" : "")}
        onPoint={(view) => setHovered(view?.name ?? null)}
        empty={model.users.length ? "No user has this name." : "No jobs, no users."}
      />
    </Panel>
  );
}

const compare = (a: string, b: string) => a.localeCompare(b, "en", { numeric: true });

function columnsFor(model: Model, selection: Selection): ColumnOf<UserView>[] {
  const minutes = "lost over the last minutes in jobs that need attention";
  const lost = (unit: string) => (view: UserView) => {
    const value = view.waste.get(unit);
    return value ? amount(value) : "";
  };
  const columns: ColumnOf<UserView>[] = [
    {
      key: "user",
      title: "User",
      className: "grow",
      cell: (view) => (
        <Link
          to={selection.to(
            view.name === selection.user
              ? { user: null }
              : { user: view.name, job: keep(model, selection.job, view), node: null, view: "jobs" },
          )}
          aria-current={view.name === selection.user ? "true" : undefined}
        >
          <Shape
            mark={view.mark}
            label={
              view.warned
                ? `${counted(view.warned, "job")} of ${view.running} in need of attention`
                : view.running
                  ? markWords[view.mark]
                  : "nothing running"
            }
          />
          <span className="name">{view.name || "(no name)"}</span>
        </Link>
      ),
    },
    { key: "cores", title: "Cores", className: "num many", cell: (view) => count(view.cores) },
    {
      key: "share",
      title: "%",
      hint: "Of the cluster's cores",
      className: "num muted broad",
      cell: (view) => share(view.cores, model.totals.cores.of).replace(" %", ""),
    },
    {
      key: "jobs",
      title: "Jobs",
      hint: "Running",
      className: "num",
      cell: (view) => (
        <span title={`${view.pending} pending, ${view.warned} in need of attention`}>{count(view.running)}</span>
      ),
    },
    { key: "core-h", title: "Core-h", hint: `Core-hours ${minutes}`, className: "num waste", cell: lost("core-h") },
  ];
  if (model.totals.gpus.of > 0) {
    columns.push({
      key: "gpu-h",
      title: "GPU-h",
      hint: `GPU-hours ${minutes}`,
      className: "num waste",
      cell: lost("GPU-h"),
    });
  }
  return columns;
}

// Choosing a user keeps the chosen job only when it is theirs.
function keep(model: Model, job: string | undefined, view: UserView): string | null {
  return job !== undefined && model.job.get(job)?.job.user === view.name ? job : null;
}
