import { useMemo } from "react";
import { Link } from "react-router";
import { Meter } from "../../components/Meter";
import { Panel } from "../../components/Panel";
import { type ColumnOf, VirtualTable } from "../../components/VirtualTable";
import { count, counted, percent } from "../../lib/format";
import type { Model, NodeView } from "./model";
import { kindWords, NodeGlyph, NodeMap } from "./NodeMap";
import type { Selection } from "./selection";

export function Nodes({ model, selection }: { model: Model; selection: Selection }) {
  const { partition, user } = selection;
  const { nodes, marked, own } = useMemo(() => {
    const nodes = model.nodes.filter((view) => !partition || view.node.partitions.includes(partition));
    const of = user ? nodes.filter((view) => view.jobs.some(({ job }) => job.user === user)) : [];
    const marked = new Set(of.map((view) => view.node.name));
    // The map keeps its places; the list brings the chosen user's nodes to the top.
    const own = [...nodes].sort((a, b) => Number(marked.has(b.node.name)) - Number(marked.has(a.node.name)));
    return { nodes, marked, own };
  }, [model, partition, user]);
  return (
    <Panel
      title={partition ? `Nodes of ${partition}` : "Nodes"}
      className="pane-right"
      version={model.snapshot.timestamp}
      aside={<span className="muted">{counted(nodes.length, "node")}</span>}
    >
      <NodeMap nodes={nodes} selection={selection} marked={marked} />
      <VirtualTable
        caption="Nodes"
        columns={columnsFor(model, selection)}
        rows={own}
        rowKey={(view) => view.node.name}
        rowClass={(view) => (marked.has(view.node.name) ? "marked" : "")}
        selected={selection.node}
        empty="No nodes."
      />
    </Panel>
  );
}

const usual = new Set(["free", "part", "full"]);

function columnsFor(model: Model, selection: Selection): ColumnOf<NodeView>[] {
  const columns: ColumnOf<NodeView>[] = [
    {
      key: "node",
      title: "Node",
      className: "grow",
      cell: (view) => (
        <Link to={selection.to({ node: view.node.name, job: null })}>
          <NodeGlyph view={view} />
          <span className="name" title={[view.node.state, view.node.reason].filter(Boolean).join(": ")}>
            {view.node.name}
            {usual.has(view.kind) || <span className="muted"> {kindWords[view.kind].toLowerCase()}</span>}
          </span>
        </Link>
      ),
    },
    {
      key: "cores",
      title: "Cores",
      hint: "Allocated, of all",
      className: "bar",
      cell: (view) => (
        <span>
          {count(view.cores)} / {count(view.node.cpus)}
          <Meter parts={[{ value: view.cores / view.node.cpus, tone: "muted" }]} label="allocated" />
        </span>
      ),
    },
    { key: "cpu", title: "CPU", hint: "Busy", className: "num", cell: (view) => percent(view.cpu) },
    {
      key: "mem",
      title: "Mem",
      hint: "Memory in use",
      className: "num",
      cell: (view) => percent(view.node.memTotal ? (100 * view.mem) / view.node.memTotal : null),
    },
    {
      key: "gpu",
      title: "GPU",
      className: "num gpu-count",
      cell: (view) => (view.node.gpus ? percent(view.gpu) : ""),
    },
    { key: "jobs", title: "Jobs", className: "num", cell: (view) => count(view.jobs.length) },
  ];
  return columns.filter((column) => column.key !== "gpu" || model.totals.gpus.of > 0);
}
