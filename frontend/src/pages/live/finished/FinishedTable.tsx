import { keepPreviousData, useInfiniteQuery } from "@tanstack/react-query";
import { Link } from "react-router";
import { type Found, type Run, searchFinished } from "../../../api/finished";
import { useSite } from "../../../api/useLive";
import { Meter } from "../../../components/Meter";
import { SearchField } from "../../../components/SearchField";
import { Shape } from "../../../components/Shape";
import { type ColumnOf, VirtualTable } from "../../../components/VirtualTable";
import { stateWord } from "../../../efficiency/states";
import { amount, count, counted, duration, memory, moment, percent } from "../../../lib/format";
import { rules } from "../../../lib/rules";
import type { Selection } from "../selection";
import { queryOf } from "./query";

const states = ["COMPLETED", "FAILED", "TIMEOUT", "OUT_OF_MEMORY", "NODE_FAIL", "PREEMPTED", "CANCELLED", "ENDED"];

export function FinishedTable({ partitions, selection }: { partitions: readonly string[]; selection: Selection }) {
  const site = useSite();
  const query = queryOf(selection);
  const found = useInfiniteQuery<Found>({
    queryKey: ["finished", query.toString()],
    queryFn: ({ pageParam, signal }) => {
      const asked = new URLSearchParams(query);
      if (pageParam) asked.set("offset", String(pageParam));
      return searchFinished(site, asked, signal);
    },
    initialPageParam: 0,
    getNextPageParam: (page) => page.next,
    placeholderData: keepPreviousData,
    retry: false,
    gcTime: 60_000,
  });
  const rows = found.data?.pages.flatMap((page) => page.jobs) ?? [];
  const total = found.data?.pages[0]?.total ?? 0;
  return (
    <>
      <Filters partitions={partitions} selection={selection} />
      {found.error && (
        <p className="notice warn" role="alert">
          {found.error.message.includes("404")
            ? "Only the daemon itself can search the finished jobs, and the page is served without it."
            : found.error.message}
        </p>
      )}
      <p className="found muted" role="status">
        {found.isPending ? "Searching …" : found.error ? "" : `${counted(total, "job")}${wasted(rows)}`}
      </p>
      <VirtualTable
        caption="Finished jobs"
        columns={columns(selection)}
        rows={rows}
        rowKey={(run) => `${run.id} ${run.start}`}
        sort={selection.sort ?? "end"}
        onSort={(key) => selection.set({ sort: key === "end" ? null : key })}
        selected={rows.find((run) => run.id === selection.job)?.id}
        empty={found.isPending || found.error ? "" : "No finished job fits this choice."}
      />
      {found.hasNextPage && (
        <p className="more">
          <button type="button" disabled={found.isFetchingNextPage} onClick={() => found.fetchNextPage()}>
            {found.isFetchingNextPage ? "Reading …" : `Show more: ${count(total - rows.length)} left`}
          </button>
        </p>
      )}
    </>
  );
}

function Filters({ partitions, selection }: { partitions: readonly string[]; selection: Selection }) {
  const text = (name: "user" | "q" | "since" | "until") => ({
    value: selection[name] ?? "",
    onChange: (value: string) => selection.set({ [name]: value }),
  });
  const day = (name: "since" | "until") => ({
    value: selection[name] ?? "",
    onChange: (event: { target: { value: string } }) => text(name).onChange(event.target.value),
  });
  return (
    <form className="tools" aria-label="Find finished jobs" onSubmit={(event) => event.preventDefault()}>
      <SearchField label="User" placeholder="User" {...text("user")} />
      <SearchField label="Part of a number, name or account" placeholder="Job, name, account" {...text("q")} />
      <select
        aria-label="State"
        value={selection.state ?? ""}
        onChange={(event) => selection.set({ state: event.target.value })}
      >
        <option value="">All states</option>
        {states.map((state) => (
          <option key={state} value={state}>
            {stateWord(state)}
          </option>
        ))}
      </select>
      {partitions.length > 1 && (
        <select
          aria-label="Partition"
          value={selection.partition ?? ""}
          onChange={(event) => selection.set({ partition: event.target.value })}
        >
          <option value="">All partitions</option>
          {partitions.map((name) => (
            <option key={name}>{name}</option>
          ))}
        </select>
      )}
      <label>
        from <input type="date" {...day("since")} />
      </label>
      <label>
        to <input type="date" {...day("until")} />
      </label>
      <button
        type="button"
        aria-pressed={selection.waste === "1"}
        onClick={() => selection.set({ waste: selection.waste === "1" ? null : "1" })}
      >
        Wasteful only
      </button>
    </form>
  );
}

function columns(selection: Selection): ColumnOf<Run>[] {
  return [
    {
      key: "job",
      title: "Job",
      className: "grow",
      cell: (run) => (
        <Link
          to={selection.to({ job: run.id === selection.job ? null : run.id })}
          aria-current={run.id === selection.job ? "true" : undefined}
          title={`${run.id} ${run.name}`}
        >
          <b>{run.id}</b> <span className="name">{run.name}</span>
        </Link>
      ),
    },
    { key: "user", title: "User", className: "user", cell: (run) => run.user },
    { key: "state", title: "State", className: "status", cell: (run) => <State run={run} /> },
    { key: "end", title: "Ended", className: "num when", sortable: true, cell: (run) => moment(run.end) },
    {
      key: "ran",
      title: "Ran",
      className: "num opt",
      cell: (run) => (run.end && run.start ? duration((run.end - run.start) / 60) : "–"),
    },
    { key: "cores", title: "Cores", className: "num", sortable: true, cell: (run) => count(run.cpus) },
    { key: "cpu", title: "CPU", className: "bar opt", cell: (run) => <Bar share={run.cpu} tone="cpu-user" /> },
    {
      key: "memory",
      title: "Memory",
      hint: "Of the request",
      className: "bar opt",
      cell: (run) =>
        run.memReq && run.memMax ? (
          <Bar share={(100 * run.memMax) / run.memReq} tone="mem" />
        ) : (
          <span>{memory(run.memMax)}</span>
        ),
    },
    {
      key: "gpu",
      title: "GPU",
      className: "bar opt",
      cell: (run) => run.gpus > 0 && <Bar share={run.gpu} tone="gpu" />,
    },
    {
      key: "waste",
      title: "Core-h lost",
      className: "num waste",
      sortable: true,
      cell: (run) => (run.waste["core-h"] ? amount(run.waste["core-h"]) : ""),
    },
  ];
}

function State({ run }: { run: Run }) {
  const held = run.warnings.filter((warning) => warning.held);
  const titles = held.map((warning) => rules.find((rule) => rule.id === warning.rule)?.title ?? warning.rule);
  const failed = /FAIL|TIMEOUT|OUT_OF_MEMORY|DEADLINE/.test(run.state);
  return (
    <span className={`state-word ${held.length ? "warn" : ""}`} title={titles.join(", ") || stateWord(run.state)}>
      {failed ? (
        <Shape mark="bad" label="" />
      ) : held.length ? (
        <Shape mark="warn" label="" />
      ) : (
        <i className="no-shape" />
      )}
      <span>{failed || held.length === 0 ? stateWord(run.state) : titles[0]}</span>
      {titles.length > (failed ? 0 : 1) && <span className="muted"> +{titles.length - (failed ? 0 : 1)}</span>}
    </span>
  );
}

function Bar({ share, tone }: { share: number | null; tone: string }) {
  return (
    <span>
      {percent(share)}
      <Meter parts={[{ value: (share ?? 0) / 100, tone }]} label={percent(share)} />
    </span>
  );
}

/** Say what the shown jobs have lost together. */
function wasted(rows: readonly Run[]): string {
  const sums = new Map<string, number>();
  for (const { waste } of rows) {
    for (const [unit, lost] of Object.entries(waste)) sums.set(unit, (sums.get(unit) ?? 0) + lost);
  }
  const words = [...sums].filter(([, lost]) => lost >= 0.05).map(([unit, lost]) => `${amount(lost)} ${unit}`);
  return words.length ? `; those shown wasted ${words.join(", ")}` : "";
}
