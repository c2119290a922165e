import { Link } from "react-router";
import type { JobView } from "../../efficiency/jobView";
import { Status } from "../../efficiency/Status";
import { count, percent } from "../../lib/format";
import type { Selection } from "./selection";

interface Props {
  title: string;
  jobs: readonly JobView[];
  host: string;
  selection: Selection;
}

/** Jobs on one node, each a link to its detail there. */
export function NeighbourList({ title, jobs, host, selection }: Props) {
  if (jobs.length === 0) return null;
  return (
    <>
      <h3>
        {title} <span className="muted">{count(jobs.length)}</span>
      </h3>
      <table className="plain">
        <thead>
          <tr>
            <th scope="col">Job</th>
            <th scope="col" className="text">
              User
            </th>
            <th scope="col" className="text">
              Status
            </th>
            <th scope="col">Cores here</th>
            <th scope="col">CPU</th>
          </tr>
        </thead>
        <tbody>
          {jobs.map((view) => (
            <tr key={view.job.id} className="row">
              <th scope="row">
                <Link to={selection.to({ job: view.job.id, node: view.job.hosts.length > 1 ? host : null })}>
                  {view.job.id}
                </Link>
              </th>
              <td className="text">{view.job.user}</td>
              <td className="text">
                <Status view={view} />
              </td>
              <td>{count(view.job.hosts.find((place) => place.host === host)?.cores)}</td>
              <td>{percent(view.cpu)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </>
  );
}
