import { useMemo } from "react";
import { Link } from "react-router";
import { Shape } from "../../components/Shape";
import { Sparkline } from "../../components/Sparkline";
import type { JobView } from "../../efficiency/jobView";
import { count, memory, percent } from "../../lib/format";
import { lastKnown } from "../../lib/window";
import { busyOf, gpuOf, memoryOf } from "./lines";
import type { Model } from "./model";
import type { Selection } from "./selection";

interface Props {
  view: JobView;
  model: Model;
  selection: Selection;
  chosen: string | undefined;
}

/** Nodes that fit onto the first sheet of paper; styles/print.css leaves out the rows behind them. */
const PRINTED = 30;

/** The nodes of a job that has several, the troubled ones first; choosing one narrows the charts to it. */
export function JobPlaces({ view, model, selection, chosen }: Props) {
  const rows = useMemo(() => placesOf(view, model), [view, model]);
  const gpus = view.job.gpus > 0;
  return (
    <>
      <h3>
        Nodes <span className="muted">{count(rows.length)}</span>{" "}
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
            {rows.map((place) => (
              <tr key={place.host} className={`row ${place.host === chosen ? "selected" : ""}`}>
                <th scope="row">
                  <Link
                    to={selection.to({ node: place.host === chosen ? null : place.host })}
                    aria-current={place.host === chosen ? "true" : undefined}
                  >
                    <Shape
                      mark={place.troubles.length ? "warn" : Number.isNaN(place.cpu) ? "unknown" : "ok"}
                      {...(place.troubles.length && { label: place.troubles.join(", ") })}
                    />
                    {place.host}
                  </Link>
                </th>
                <td>{count(place.cores)}</td>
                <td>
                  <span className="with-spark">
                    <Sparkline values={place.busy} tone="cpu-user" />
                    {percent(place.cpu)}
                  </span>
                </td>
                <td>
                  <span className="with-spark">
                    <Sparkline
                      values={place.memory}
                      tone="mem"
                      top={Math.max(view.job.memReq ?? 0, place.most) * 1.05}
                      limit={view.job.memReq}
                    />
                    {memory(place.mem)}
                  </span>
                </td>
                {gpus && <td>{place.gpus ? count(place.gpus) : ""}</td>}
                {gpus && (
                  <td>
                    {place.gpus > 0 && (
                      <span className="with-spark">
                        <Sparkline values={place.util} tone="gpu" />
                        {percent(place.gpu)}
                      </span>
                    )}
                  </td>
                )}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {rows.length > PRINTED && (
        <p className="print-only">
          The first {PRINTED} of {count(rows.length)} nodes, the troubled ones before the others.
        </p>
      )}
    </>
  );
}

function placesOf(view: JobView, { window }: Model) {
  const own = window.jobs.of.get(view.job.id) ?? [];
  return view.job.hosts
    .map((place) => {
      const rows = own.filter((row) => window.jobs.host[row] === place.host);
      const [busy, used, util] = [busyOf(window, rows), memoryOf(window, rows), gpuOf(window, rows)];
      return {
        ...place,
        busy,
        memory: used,
        util,
        cpu: lastKnown(busy),
        mem: lastKnown(used),
        gpu: lastKnown(util),
        most: used.reduce((a, b) => (Number.isNaN(b) ? a : Math.max(a, b)), 0),
        troubles: [...view.hits, ...view.nodeHits]
          .filter((hit) => hit.host === place.host)
          .map((hit) => hit.rule.title),
      };
    })
    .sort((a, b) => b.troubles.length - a.troubles.length);
}
