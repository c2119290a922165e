import { Link } from "react-router";
import type { Overview } from "../../../api/batch";
import { usePerson } from "../../../api/usePerson";
import { FactList } from "../../../components/FactList";
import { Panel } from "../../../components/Panel";
import { Shape } from "../../../components/Shape";
import { lasted, moment, span } from "../../../lib/format";
import { useNow } from "../../../lib/useNow";
import { toJob } from "../selection";
import { Withheld } from "../Withheld";
import { groupsOf } from "./attention";
import { Limits } from "./Limits";
import { MasterForm } from "./MasterForm";
import "../../../styles/master.css";

/** Who acts, who stands by, what the queues take, and what a person should look at. */
export function MasterView({ overview }: { overview: Overview }) {
  const { data: person } = usePerson();
  const staff = person?.staff ?? false;
  return (
    <div className="master">
      <Panel title="Needs attention" className="master-attention" version={overview}>
        <AttentionList overview={overview} />
      </Panel>
      <Panel title="Master" version={overview}>
        <Holder overview={overview} staff={staff} />
      </Panel>
      <Panel title="Limits of queues" version={overview}>
        <Limits limits={overview.limits} staff={staff} />
      </Panel>
    </div>
  );
}

function AttentionList({ overview: { master, attention } }: { overview: Overview }) {
  const groups = groupsOf(master, attention);
  const whole = attention?.unsent !== undefined && master.troubles !== undefined;
  if (groups.length === 0) {
    return (
      <p className="all-well">
        <Shape mark={whole ? "ok" : "unknown"} label="" />
        {whole
          ? "Nothing needs attention."
          : attention
            ? "No job needs attention. Operators and administrators see here what else does."
            : "Operators and administrators see here what needs attention."}
      </p>
    );
  }
  return (
    <div className="groups">
      {groups.map((group) => (
        <section key={group.title}>
          <h3>
            <Shape mark="warn" label="" /> {group.title} <span className="muted">{group.lines.length}</span>
          </h3>
          <p className="muted">{group.words}</p>
          <ul>
            {group.lines.map((line) => (
              <li key={line.key}>
                {line.job !== undefined && <Link to={toJob(line.job)}>job {line.job}</Link>} {line.text}
              </li>
            ))}
          </ul>
        </section>
      ))}
      {!whole && <Withheld to="operators">Troubles of the master, and messages that were not sent, are</Withheld>}
    </div>
  );
}

function Holder({ overview: { master }, staff }: { overview: Overview; staff: boolean }) {
  const now = useNow(1);
  const { holder, expires_in, candidates } = master;
  return (
    <div className="holder">
      <FactList
        facts={[
          ["Holder", holder ?? "nobody: the lease has run out"],
          ["Address", master.endpoint],
          ["Fence", master.fence !== null && String(master.fence)],
          ["Since", master.since && `${moment(master.since)}, ${lasted(now - master.since)} ago`],
          [
            "Lease",
            expires_in !== null &&
              (expires_in > 0 ? `for ${span(expires_in)} more` : `ran out ${span(-expires_in)} ago`),
          ],
          ["Takeovers", String(master.takeovers)],
          ["Scheduler", master.scheduler],
          ["Preferred host", master.preferred || "whichever comes first"],
          ["Run time", master.run_time ? lasted(master.run_time) : "no limit"],
          ["Run time left", master.run_time_left !== null && lasted(master.run_time_left)],
        ]}
      />
      <h3>Takes part</h3>
      <table className="plain">
        <thead>
          <tr>
            <th scope="col">Process</th>
            <th scope="col" className="text">
              Is
            </th>
            <th scope="col">Seen</th>
          </tr>
        </thead>
        <tbody>
          {candidates.map((one) => (
            <tr key={one.holder}>
              <th scope="row" title={one.endpoint}>
                {one.holder}
                {one.holder === master.this && <span className="muted"> (answers this page)</span>}
              </th>
              <td className="text">{one.holder === holder ? "master" : "standby"}</td>
              <td>{span(now - one.seen_at)} ago</td>
            </tr>
          ))}
        </tbody>
      </table>
      {candidates.length === 0 && <p className="muted">No process takes part now.</p>}
      {staff ? (
        <MasterForm key={`${master.preferred} ${master.run_time}`} master={master} />
      ) : (
        <p className="muted">Operators and administrators choose the preferred host and the run time.</p>
      )}
    </div>
  );
}
