import { useMemo } from "react";
import { Choices } from "../../components/Choices";
import { Panel } from "../../components/Panel";
import { SearchField } from "../../components/SearchField";
import { VirtualTable } from "../../components/VirtualTable";
import { stateWord } from "../../efficiency/states";
import { count } from "../../lib/format";
import { jobColumns } from "./jobColumns";
import { filterJobs, sortJobs, stateCounts, statesOf } from "./jobList";
import type { Model } from "./model";
import type { Selection } from "./selection";

export function Jobs({ model, selection }: { model: Model; selection: Selection }) {
  const { user, state, partition, q, sort = "attention" } = selection;
  const inPlace = useMemo(() => filterJobs(model.jobs, { user, partition, q }), [model, user, partition, q]);
  const rows = useMemo(() => sortJobs(filterJobs(inPlace, { state }), sort), [inPlace, state, sort]);
  const gpus = useMemo(() => inPlace.some(({ job }) => job.gpus > 0), [inPlace]);
  const columns = useMemo(() => jobColumns(model, selection, gpus), [model, selection, gpus]);
  const chosen = statesOf(state);
  const states = useMemo(
    () => stateCounts(inPlace).map(([value, n]) => ({ value, title: stateWord(value), count: count(n) })),
    [inPlace],
  );
  // A chosen state stays in view when there is none of it.
  const options = [
    ...states,
    ...chosen
      .filter((value) => !states.some((one) => one.value === value))
      .map((value) => ({ value, title: stateWord(value), count: "0" })),
  ];
  return (
    <Panel
      title={user ? `Jobs of ${user}` : "Jobs"}
      className="pane-jobs"
      version={`${model.snapshot.timestamp} ${sort}`}
      aside={
        user && (
          <button type="button" className="quiet" onClick={() => selection.set({ user: null }, false)}>
            Show all users
          </button>
        )
      }
    >
      <div className="tools">
        <SearchField
          label="Find jobs by number, name, user, account or node"
          placeholder="Find job, name, user, account, node"
          value={q ?? ""}
          onChange={(value) => selection.set({ q: value })}
        />
        {model.snapshot.partitions.length > 1 && (
          <select
            aria-label="Partition"
            value={partition ?? ""}
            onChange={(event) => selection.set({ partition: event.target.value })}
          >
            <option value="">All partitions</option>
            {model.snapshot.partitions.map((name) => (
              <option key={name}>{name}</option>
            ))}
          </select>
        )}
      </div>
      <Choices
        label="State"
        all={{ title: "All", count: count(inPlace.length) }}
        options={options}
        chosen={chosen}
        onChange={(values) => selection.set({ state: values.join(",") })}
      />
      <VirtualTable
        caption="Jobs"
        columns={columns}
        rows={rows}
        rowKey={(view) => view.job.id}
        rowClass={(view) => (view.running ? "" : "resting")}
        sort={sort}
        onSort={(key) => selection.set({ sort: key === sort ? null : key })}
        selected={selection.job}
        empty={model.jobs.length ? "No job fits this choice." : "No jobs running."}
      />
    </Panel>
  );
}
