import { useMemo } from "react";
import type { Overview } from "../../../api/batch";
import { useJobs } from "../../../api/useBatch";
import { usePerson } from "../../../api/usePerson";
import { Panel } from "../../../components/Panel";
import { SearchField } from "../../../components/SearchField";
import { Segments } from "../../../components/Segments";
import { VirtualTable } from "../../../components/VirtualTable";
import { counted } from "../../../lib/format";
import { useNow } from "../../../lib/useNow";
import { Close } from "../Close";
import { numberOf, useSelection } from "../selection";
import { JobDetail } from "./JobDetail";
import { jobColumns } from "./jobColumns";
import { chipsOf } from "./jobView";
import { SubmitForm } from "./SubmitForm";

/** Jobs by state, and one of them with all that happened to it. */
export function JobsView({ overview }: { overview: Overview }) {
  const selection = useSelection();
  const { status = "", q = "", job, form } = selection;
  const { data: person } = usePerson();
  const query = useJobs({ status, q });
  const now = useNow(5);
  const rows = useMemo(() => query.data?.pages.flatMap((page) => page.jobs) ?? [], [query.data]);
  const columns = jobColumns(selection, now);
  const close = () => selection.set({ job: null, form: null, show: null }, false);
  const anonymous = person?.role === "anonymous";
  return (
    <div className="split" data-shown={job || form ? "detail" : "list"}>
      <Panel
        title="Jobs"
        version={query.dataUpdatedAt}
        aside={
          <span className="aside">
            <span className="muted found" role="status">
              {query.data && `${counted(rows.length, "job")}${query.hasNextPage ? " and older ones" : ""}`}
            </span>
            <button
              type="button"
              className="strong"
              disabled={!person || anonymous}
              title={anonymous ? "Sign in to submit jobs" : undefined}
              onClick={() => selection.set({ form: "submit", job: null, show: null }, false)}
            >
              Submit a job
            </button>
          </span>
        }
      >
        <div className="tools">
          <Segments
            label="State of jobs"
            options={chipsOf(overview.counts, status)}
            value={status}
            onChange={(value) => selection.set({ status: value })}
          />
          <SearchField
            label="Find jobs by name, command or the scheduler's number"
            placeholder="Find name, command, scheduler's number"
            value={q}
            onChange={(value) => selection.set({ q: value })}
          />
        </div>
        {query.error && (
          <p className="notice warn" role="alert">
            {query.error.message}
          </p>
        )}
        <VirtualTable
          caption="Jobs"
          columns={columns}
          rows={rows}
          rowKey={(row) => String(row.job_id)}
          selected={job}
          empty={query.isPending ? "Reading …" : status || q ? "No job fits this choice." : "No job was submitted yet."}
        />
        {query.hasNextPage && (
          <p className="more">
            <button type="button" disabled={query.isFetchingNextPage} onClick={() => query.fetchNextPage()}>
              Show older jobs
            </button>
          </p>
        )}
      </Panel>
      {form === "submit" ? (
        <Panel title="Submit a job" className="pane-detail" version={form} aside={<Close onClose={close} />}>
          <SubmitForm onDone={(number) => selection.set({ job: String(number), form: null, status: null, q: null })} />
        </Panel>
      ) : (
        job && (
          <Panel title={`Job ${job}`} className="pane-detail" version={job} aside={<Close onClose={close} />}>
            <JobDetail key={job} number={numberOf(job)} selection={selection} />
          </Panel>
        )
      )}
    </div>
  );
}
