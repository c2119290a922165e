import { Link } from "react-router";
import type { WholeJob } from "../../../api/batch";
import { CopyButton } from "../../../components/CopyButton";
import { FactList } from "../../../components/FactList";
import { lasted, moment } from "../../../lib/format";
import { joinWords } from "../../../lib/shell";
import { byWhom } from "../origin";
import { toRun } from "../selection";
import { ranOf } from "./jobView";

/** What is known of a job; what it does not have is left out. */
export function JobFacts({ job, now }: { job: WholeJob; now: number }) {
  const ran = ranOf(job, now);
  const labels = Object.entries(job.labels ?? {}).filter(([key]) => key !== "cron" && key !== "scheduled_for");
  return (
    <FactList
      facts={[
        ["Asked for by", byWhom(job.origin, job.submitted_by)],
        ["Asked for", moment(job.created_at)],
        ["Not before", job.not_before > job.created_at && moment(job.not_before)],
        ["Latest start", job.started_at === null && job.latest_start !== null && moment(job.latest_start)],
        ["Submitted", job.submitted_at && moment(job.submitted_at)],
        ["Started", job.started_at && moment(job.started_at)],
        ["Ended", job.finished_at && moment(job.finished_at)],
        ["Ran", ran !== null && `${lasted(ran)}${job.limit_s ? ` of ${lasted(job.limit_s)}` : ""}`],
        ["Time limit", ran === null && job.limit_s > 0 && lasted(job.limit_s)],
        ["Return code", job.return_code !== null && String(job.return_code)],
        ["Signal", job.signal && String(job.signal)],
        ["Host", job.host],
        ["Scheduler", job.scheduler && `${job.scheduler}${job.scheduler_id ? `, number ${job.scheduler_id}` : ""}`],
        ["Queue", job.queue],
        ["Options", job.batch_opts?.length && <code>{joinWords(job.batch_opts)}</code>],
        ["Account", job.user],
        ["Folder", job.working_dir],
        ["Priority", job.priority !== 0 && String(job.priority)],
        ["Tells", job.on_success?.join(", ")],
        [
          "Crontab",
          job.cron && (
            <Link to={{ pathname: "/batch/cron", search: new URLSearchParams({ entry: job.cron }).toString() }}>
              {job.cron}
            </Link>
          ),
        ],
        ["Due at", job.due_at && moment(job.due_at)],
        ["Run", job.run_id && <Link to={toRun(job.run_id)}>{`${job.run_id}, stage ${job.stage}`}</Link>],
        ["Labels", labels.map(([key, value]) => `${key}: ${value}`).join(", ")],
        [
          "Key",
          <span key="key">
            {job.submit_key} <CopyButton text={job.submit_key} />
          </span>,
        ],
      ]}
    />
  );
}
