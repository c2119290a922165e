import { type KeyboardEvent, memo, useCallback, useRef, useState } from "react";
import { useNavigate } from "react-router";
import { count, counted, percent } from "../../lib/format";
import type { NodeKind, NodeView } from "./model";
import type { Selection } from "./selection";

export const kindWords: Record<NodeKind, string> = {
  free: "Free",
  part: "Partly used",
  full: "Full",
  drain: "Closed",
  down: "Down",
  unknown: "No data",
};

/** One node as a small square: filled from below as far as its cores are busy, crossed out when it is down. */
export function NodeGlyph({ view }: { view: NodeView }) {
  const { kind } = view;
  const busy = Number.isNaN(view.cpu) ? 0 : Math.min(100, view.cpu);
  const height = (busy / 100) * 12;
  return (
    <svg className={`node-glyph ${kind} ${view.hits.length ? "warned" : ""}`} viewBox="0 0 14 14" aria-hidden="true">
      <rect className="frame" x="0.75" y="0.75" width="12.5" height="12.5" rx="1.5" />
      {kind !== "down" && <rect className="load" x="1" y={13 - height} width="12" height={height} />}
      {kind === "down" && <path className="cross" d="m4 4 6 6m0-6-6 6" />}
      {kind === "drain" && <path className="cross" d="M3.5 10.5l7-7" />}
      {view.hits.length > 0 && <path className="flag" d="M7 0h7v7Z" />}
    </svg>
  );
}

function words({ node, kind, cores, cpu, jobs, hits }: NodeView): string {
  const state = kindWords[kind].toLowerCase();
  const load =
    kind === "down"
      ? ""
      : `, ${count(cores)} of ${count(node.cpus)} cores allocated, CPU ${percent(cpu)}, ${counted(jobs.length, "job")}`;
  return `${node.name}: ${state}${node.reason ? ` (${node.reason})` : ""}${load}${hits.map((hit) => `, ${hit.rule.title}`).join("")}`;
}

interface CellProps {
  view: NodeView;
  place: number;
  current: boolean;
  marked: boolean;
  onPoint: (place: number) => void;
  onOpen: (node: string) => void;
}

// Of thousands of nodes only those are drawn again that changed: pointing at one is two of them.
const Cell = memo(function Cell({ view, place, current, marked, onPoint, onOpen }: CellProps) {
  return (
    <button
      type="button"
      tabIndex={current ? 0 : -1}
      className={marked ? "marked" : ""}
      aria-label={words(view)}
      onFocus={() => onPoint(place)}
      onMouseEnter={() => onPoint(place)}
      onClick={() => onOpen(view.node.name)}
    >
      <NodeGlyph view={view} />
    </button>
  );
});

interface Props {
  nodes: readonly NodeView[];
  selection: Selection;
  /** Nodes that hold jobs of the chosen user. */
  marked: ReadonlySet<string>;
}

/** All nodes at one glance. One stop of the tabulator; the arrow keys go from node to node. */
export const NodeMap = memo(function NodeMap({ nodes, selection, marked }: Props) {
  const navigate = useNavigate();
  const box = useRef<HTMLDivElement>(null);
  const [at, setAt] = useState<number | null>(null);
  const current = Math.min(at ?? 0, nodes.length - 1);
  const shown = at === null ? undefined : nodes[current];

  const onKeyDown = (event: KeyboardEvent) => {
    const cells = box.current?.children;
    if (!cells?.length) return;
    const first = cells[0] as HTMLElement;
    const perRow = [...cells].filter((cell) => (cell as HTMLElement).offsetTop === first.offsetTop).length;
    const step = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: perRow, ArrowUp: -perRow }[event.key];
    const next = current + (step ?? 0);
    if (!step || next < 0 || next >= cells.length) return;
    event.preventDefault();
    setAt(next);
    (cells[next] as HTMLElement).focus();
  };

  const now = useRef(selection);
  now.current = selection;
  const open = useCallback((node: string) => navigate(now.current.to({ node, job: null })), [navigate]);

  if (nodes.length === 0) return null;
  return (
    <div className="node-map-box">
      {/* biome-ignore lint/a11y/useSemanticElements: a group of buttons, not a form's fieldset */}
      <div
        className={`node-map ${marked.size ? "some" : ""}`}
        role="group"
        aria-label="Map of the nodes"
        ref={box}
        onKeyDown={onKeyDown}
        onMouseLeave={() => setAt(null)}
      >
        {nodes.map((view, i) => (
          <Cell
            key={view.node.name}
            view={view}
            place={i}
            current={i === current}
            marked={marked.has(view.node.name)}
            onPoint={setAt}
            onOpen={open}
          />
        ))}
      </div>
      <p className="readout" aria-hidden="true">
        {shown ? words(shown) : "Fill: busy cores. ✕ down, ╱ closed, ◥ needs attention."}
      </p>
    </div>
  );
});
