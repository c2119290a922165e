import type { Live } from "../../api/live";
import { useCores } from "../../api/useLive";
import { ErrorBoundary } from "../../components/ErrorBoundary";
import { FactList } from "../../components/FactList";
import { FindingList } from "../../efficiency/FindingList";
import { amount, count, memory, percent, UNKNOWN } from "../../lib/format";
import { CoreGrid } from "./CoreGrid";
import type { Model } from "./model";
import { NeighbourList } from "./NeighbourList";
import { NodeCharts } from "./NodeCharts";
import { kindWords, NodeGlyph } from "./NodeMap";
import type { Selection } from "./selection";

interface Props {
  live: Live;
  model: Model;
  selection: Selection;
  name: string;
}

export function NodeDetail({ live, model, selection, name }: Props) {
  const view = model.node.get(name);
  const timestamp = live.snapshot.timestamp;
  const cores = useCores(live, name, view?.node.shard);
  if (view === undefined) return <p className="empty">There is no node {name} in this cluster.</p>;
  const { node } = view;
  const detail = cores.data?.nodes[name];
  const facts: [string, string][] = [
    ["State", [node.state, node.reason].filter(Boolean).join(": ")],
    ["Partitions", node.partitions.join(", ")],
    ["Cores", `${count(view.cores)} of ${count(node.cpus)} allocated`],
    ["GPUs", node.gpus ? `${count(view.gpus)} of ${count(node.gpus)} allocated` : ""],
    ["Load average", amount(detail?.load)],
    ["Pressure", pressure(detail?.pressure)],
    ["Memory", node.memTotal ? `${memory(view.mem)} of ${memory(node.memTotal)} in use` : ""],
    ["Swap", node.swapTotal ? `${memory(view.swap)} of ${memory(node.swapTotal)} in use` : ""],
  ];
  return (
    <div className="detail">
      <p className="lead">
        <NodeGlyph view={view} /> {kindWords[view.kind]}
      </p>
      <FactList facts={facts.filter(([, value]) => value !== UNKNOWN)} />
      <FindingList view={view} window={model.window} />
      <NeighbourList title="Jobs" jobs={view.jobs} host={name} selection={selection} />
      <h3>Cores</h3>
      <ErrorBoundary part="The cores" version={timestamp}>
        <CoreGrid query={cores} host={name} timestamp={timestamp} />
      </ErrorBoundary>
      <ErrorBoundary part="The charts" version={timestamp}>
        <NodeCharts live={live} view={view} selection={selection} />
      </ErrorBoundary>
    </div>
  );
}

/** Write how much of the time tasks had to wait: "cpu 4 %, io 40 %". */
function pressure(shares: Record<string, number | null> | null | undefined): string {
  return Object.entries(shares ?? {})
    .filter(([, share]) => share !== null)
    .map(([kind, share]) => `${kind} ${percent(share)}`)
    .join(", ");
}
