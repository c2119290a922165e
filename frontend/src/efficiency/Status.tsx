import { Shape } from "../components/Shape";
import { findings } from "./findings";
import type { JobView } from "./jobView";
import { stateWord } from "./states";

/** How a job is: of a running one what is wrong with it, else its state. */
export function Status({ view }: { view: JobView }) {
  const { job, running, mark } = view;
  if (!running) {
    const failed = /FAIL|TIMEOUT|OUT_OF_MEMORY|NODE_FAIL|BOOT_FAIL|DEADLINE/.test(job.state);
    const reason = job.state === "PENDING" && job.reason && job.reason !== "None" ? `: ${job.reason}` : "";
    return (
      <span className="state-word" title={`${stateWord(job.state)}${reason}`}>
        {failed ? <Shape mark="bad" label="" /> : <i className="no-shape" />}
        <span>
          {stateWord(job.state)}
          {reason}
        </span>
      </span>
    );
  }
  const found = findings(view);
  const titles = found.map(({ rule }) => rule.title);
  const words = titles.length ? titles[0] : mark === "unknown" && Number.isNaN(view.mem) ? "No data" : "Running";
  return (
    <span className={`state-word ${mark}`} title={titles.join(", ") || words}>
      <Shape mark={mark} label="" />
      <span>{words}</span>
      {titles.length > 1 && <span className="muted"> +{titles.length - 1}</span>}
    </span>
  );
}
