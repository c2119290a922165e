import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useId } from "react";
import type { Snapshot } from "../../../api/snapshot";
import { useSite } from "../../../api/useLive";
import { type Ask, askWindow, type WindowAnswer } from "../../../api/window";
import { CopyButton } from "../../../components/CopyButton";
import { Shape } from "../../../components/Shape";
import { counted, moment, span } from "../../../lib/format";
import type { Selection } from "../selection";
import { bounded, decodeAsk, encodeAsk } from "./ask";

/** "Will it run now?": a request, and when it could start. */
export function WindowForm({ snapshot, selection }: { snapshot: Snapshot; selection: Selection }) {
  const site = useSite();
  const ask = decodeAsk(selection.ask);
  const change = (patch: Partial<Ask>) => selection.set({ ask: encodeAsk({ ...ask, ...patch }) });
  const query = useQuery<WindowAnswer>({
    queryKey: ["window", encodeAsk(ask), snapshot.timestamp],
    queryFn: ({ signal }) => askWindow(site, ask, signal),
    placeholderData: keepPreviousData,
    retry: false,
    gcTime: 60_000,
  });
  const gpus = snapshot.nodes.some((node) => node.gpus > 0);
  return (
    <div className="window">
      <form className="window-form" aria-label="Will it run now?" onSubmit={(event) => event.preventDefault()}>
        <NumberField
          title="Cores per node"
          value={ask.cores}
          onChange={(n) => change({ cores: bounded("cores", n) })}
        />
        <NumberField
          title="Memory per node, GB"
          value={Math.round((10 * ask.memory) / 1024) / 10}
          onChange={(n) => change({ memory: bounded("memory", n * 1024) })}
        />
        {gpus && (
          <NumberField title="GPUs per node" value={ask.gpus} onChange={(n) => change({ gpus: bounded("gpus", n) })} />
        )}
        <NumberField title="Nodes" value={ask.nodes} onChange={(n) => change({ nodes: bounded("nodes", n) })} />
        <NumberField
          title="Hours"
          value={Math.round((100 * ask.walltime) / 60) / 100}
          onChange={(n) => change({ walltime: bounded("walltime", n * 60) })}
        />
        {snapshot.partitions.length > 0 && (
          <label>
            <span>Partition</span>
            <select value={ask.partition} onChange={(event) => change({ partition: event.target.value })}>
              <option value="">Any</option>
              {snapshot.partitions.map((name) => (
                <option key={name}>{name}</option>
              ))}
            </select>
          </label>
        )}
      </form>
      <div role="status" className="window-answer">
        {query.error ? (
          <p className="notice">
            {query.error.message.includes("404")
              ? "Only the daemon itself can answer this, and the page is served without it. The gaps below are known."
              : query.error.message}
          </p>
        ) : query.data ? (
          <Answer answer={query.data} />
        ) : (
          <p className="muted">Asking …</p>
        )}
      </div>
    </div>
  );
}

function Answer({ answer }: { answer: WindowAnswer }) {
  const { now, startAt, partition, nodes, alternatives } = answer;
  const where = `${partition ? ` in partition ${partition}` : ""}${nodes.length ? ` on ${nodes.length > 3 ? counted(nodes.length, "node") : nodes.join(", ")}` : ""}`;
  return (
    <>
      <p className="window-verdict">
        <Shape mark={now ? "ok" : startAt === null ? "bad" : "warn"} label="" />
        {now ? (
          <b>Yes, now{where}.</b>
        ) : startAt === null ? (
          <b>No.</b>
        ) : (
          <b>
            Not now. First at {moment(startAt)}, in {span(startAt - answer.timestamp)}
            {where}.
          </b>
        )}
      </p>
      {!now && answer.reason && <p>{sentence(answer.reason)}</p>}
      {(now || startAt !== null) && <Line line={answer.line} />}
      {alternatives.length > 0 && (
        <>
          <p>What could start now instead:</p>
          <ul className="alternatives">
            {alternatives.map((other) => (
              <li key={other.line}>
                <b>{other.changed}</b>
                <Line line={other.line} />
              </li>
            ))}
          </ul>
        </>
      )}
      {!now && startAt !== null && (
        <p className="muted">If running jobs use up their time limits; jobs with a higher priority may come first.</p>
      )}
    </>
  );
}

export function Line({ line }: { line: string }) {
  return (
    <p className="command">
      <code>{line}</code> <CopyButton text={line} />
    </p>
  );
}

function NumberField(props: { title: string; value: number; onChange: (value: number) => void }) {
  const id = useId();
  return (
    <label htmlFor={id}>
      <span>{props.title}</span>
      <input
        id={id}
        type="number"
        min="0"
        step="any"
        inputMode="decimal"
        value={props.value}
        onChange={(event) => event.target.value !== "" && props.onChange(Number(event.target.value))}
      />
    </label>
  );
}

const sentence = (text: string) => `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
