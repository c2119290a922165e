import { useMemo } from "react";
import type { Live } from "../../api/live";
import { useDeclared } from "../../api/useDeclared";
import { useHistory, useSite } from "../../api/useLive";
import { type Band, type Line, TimeChart } from "../../charts/TimeChart";
import { DeclaredList } from "../../components/DeclaredList";
import { inputOf } from "../../efficiency/judge";
import { beginning, Spans } from "../../efficiency/Spans";
import { within } from "../../lib/declared";
import { heldSpans } from "../../lib/fires";
import { count, events, memory, percent, rate } from "../../lib/format";
import { rules } from "../../lib/rules";
import { join, rowOf } from "../../lib/window";
import type { NodeView } from "./model";
import type { Selection } from "./selection";

const none: ReadonlySet<string> = new Set();

/** A node's load over time. */
export function NodeCharts({ live, view, selection }: { live: Live; view: NodeView; selection: Selection }) {
  const { settings } = useSite();
  const { snapshot } = live;
  const { node } = view;
  const now = live.snapshot.timestamp;
  const { name, from } = beginning(selection.span, now, null);
  const { chunks, loading, problems } = useHistory(live, from);
  const declared = useDeclared();
  const marks = useMemo(() => within(declared, from, now), [declared, from, now]);
  const window = useMemo(
    () => join(chunks, from, now, { jobs: none, hosts: new Set([node.name]) }),
    [chunks, from, now, node.name],
  );
  const { times, nodes } = window;
  const charts = useMemo(() => {
    const values = (column: string) => rowOf(nodes.columns[column], nodes.of.get(node.name), times.length);
    const line = (column: string, label: string, tone: string, style: Line["style"] = "fill"): Line => ({
      label,
      tone,
      style,
      values: values(column),
    });
    const limit = (label: string, value: number | null): Line[] =>
      value ? [{ label, tone: "muted", style: "dash", values: new Float64Array(times.length).fill(value) }] : [];
    return [
      {
        title: "CPU",
        stacked: true,
        top: 100,
        format: percent,
        lines: [
          line("user", "user", "cpu-user"),
          line("system", "system", "cpu-system"),
          line("wait", "wait", "cpu-wait"),
        ],
      },
      { title: "Allocated cores", format: count, lines: [line("cores", "cores", "muted"), ...limit("all", node.cpus)] },
      {
        title: "Memory",
        binary: true,
        format: memory,
        lines: [line("mem", "used", "mem"), ...limit("all", node.memTotal)],
      },
      {
        title: "Swap",
        binary: true,
        format: memory,
        lines: [line("swap", "used", "cpu-wait"), ...limit("all", node.swapTotal)],
      },
      { title: "GPU", top: 100, format: percent, lines: [line("gpuUtil", "busy", "gpu")] },
      { title: "GPU memory", binary: true, format: memory, lines: [line("gpuMem", "used", "gpu")] },
      {
        title: "Network",
        format: rate,
        lines: [line("netIn", "in", "in", "line"), line("netOut", "out", "out", "line")],
      },
      {
        title: "Packets",
        format: events,
        lines: [line("pktsIn", "in", "in", "line"), line("pktsOut", "out", "out", "line")],
      },
      {
        title: "Shared file systems",
        format: rate,
        lines: [line("fsRead", "read", "in", "line"), line("fsWrite", "written", "out", "line")],
      },
      {
        title: "Local disk",
        format: rate,
        lines: [line("diskRead", "read", "in", "line"), line("diskWrite", "written", "out", "line")],
      },
    ].filter(({ lines }) =>
      lines.some(({ style, values }) => style !== "dash" && Array.from(values).some(Number.isFinite)),
    );
  }, [nodes, times, node]);
  const bands = useMemo(() => {
    const input = inputOf(snapshot, window);
    return rules
      .filter((rule) => rule.of === "node")
      .flatMap((rule) => heldSpans(rule, input, settings).map((held): Band => [...held, rule.title]));
  }, [snapshot, window, settings]);
  return (
    <>
      <h3>
        Load <Spans value={name} ran={null} selection={selection} />
      </h3>
      {problems.map((problem) => (
        <p key={problem} className="notice warn">
          {problem}
        </p>
      ))}
      {loading && <p className="muted">Reading the earlier part …</p>}
      {charts.length === 0 && <p className="muted">No measurements of this node.</p>}
      <DeclaredList marks={marks} />
      <div className="charts">
        {charts.map((chart) => (
          <TimeChart
            key={chart.title}
            times={times}
            range={[from, now]}
            marks={marks}
            {...chart}
            {...(chart.title === "Swap" && { bands })}
          />
        ))}
      </div>
    </>
  );
}
