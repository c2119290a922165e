import { Link } from "react-router";
import { Shape } from "../../components/Shape";
import { count, memory, percent } from "../../lib/format";
import { lastKnown, rowOf } from "../../lib/window";
import type { JobView, Model } from "./model";
import type { Selection } from "./selection";

interface Props {
  view: JobView;
  model: Model;
  selection: Selection;
  chosen: string | undefined;
}

/** The nodes of a job that has several; choosing one narrows the charts to it. */
export function JobPlaces({ view, model, selection, chosen }: Props) {
  const { jobs, times } = model.window;
  const rows = jobs.of.get(view.job.id) ?? [];
  const now = (name: string, host: string) =>
    lastKnown(
      rowOf(
        jobs.columns[name],
        rows.find((row) => jobs.host[row] === host),
        times.length,
      ),
    );
  const gpus = view.job.gpus > 0;
  return (
    <>
      <h3>
        Nodes{" "}
        {chosen && (
          <Link className="quiet" to={selection.to({ node: null })}>
            Show all together
          </Link>
        )}
      </h3>
      <div className="places">
        <table className="plain">
          <thead>
            <tr>
              <th scope="col">Node</th>
              <th scope="col">Cores</th>
              <th scope="col">CPU</th>
              <th scope="col">Memory</th>
              {gpus && <th scope="col">GPUs</th>}
              {gpus && <th scope="col">GPU</th>}
            </tr>
          </thead>
          <tbody>
            {view.job.hosts.map((place) => {
              const warned = [...view.hits, ...view.nodeHits].filter((hit) => hit.host === place.host);
              return (
                <tr key={place.host} className={`row ${place.host === chosen ? "selected" : ""}`}>
                  <th scope="row">
                    <Link
                      to={selection.to({ node: place.host === chosen ? null : place.host })}
                      aria-current={place.host === chosen ? "true" : undefined}
                    >
                      <Shape
                        mark={warned.length ? "warn" : "ok"}
                        label={warned.map((hit) => hit.rule.title).join(", ") || "fine"}
                      />
                      {place.host}
                    </Link>
                  </th>
                  <td>{count(place.cores)}</td>
                  <td>{percent(now("user", place.host) + now("system", place.host))}</td>
                  <td>{memory(now("mem", place.host))}</td>
                  {gpus && <td>{place.gpus ? count(place.gpus) : ""}</td>}
                  {gpus && <td>{place.gpus ? percent(now("gpuUtil", place.host)) : ""}</td>}
                </tr>
              );
            })}
          </tbody>
        </table>
      </div>
    </>
  );
}
