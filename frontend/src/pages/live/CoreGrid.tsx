import { useState } from "react";
import type { CoresQuery } from "../../api/useLive";
import { indices } from "../../lib/cpuset";
import { clock, memory, percent } from "../../lib/format";

interface Props {
  query: CoresQuery;
  host: string;
  /** Marks this job's cores and GPUs. */
  job?: string;
  timestamp: number;
}

interface Core {
  user: number;
  system: number;
  wait: number;
}

/** Every core of a node as a small column of what it does; the chosen job's cores are framed. */
export function CoreGrid({ query, host, job, timestamp }: Props) {
  const [at, setAt] = useState<number | null>(null);
  const node = query.data?.nodes[host];
  if (query.isPending) return <p className="muted">Reading the cores …</p>;
  if (query.error && !query.data) return <p className="notice warn">{query.error.message}</p>;
  if (!node) return <p className="muted">Nothing is known about the cores of {host}.</p>;
  const cores = (node.cores ?? []).map((core): Core | null =>
    core ? { user: core[0] ?? 0, system: core[1] ?? 0, wait: core[2] ?? 0 } : null,
  );
  const owners = ownersOf(node.jobs, 0);
  const gpuOwners = ownersOf(node.jobs, 1);
  const words = (i: number) => coreWords(i, cores[i] ?? null, owners.get(i));
  return (
    <>
      {cores.length === 0 ? (
        <p className="muted">The cores are not known.</p>
      ) : (
        <>
          <div
            className={`cores ${cores.length > 64 ? "many" : ""}`}
            role="img"
            aria-label={`${cores.length} cores of ${host}${job ? `, ${[...owners.values()].filter((ids) => ids.includes(job)).length} of them of job ${job}` : ""}; their numbers are in the table below`}
            onMouseLeave={() => setAt(null)}
          >
            {cores.map((core, i) => (
              // biome-ignore lint/suspicious/noArrayIndexKey: a core is its index
              <CoreCell key={i} core={core} tone={toneOf(owners.get(i), job)} onEnter={() => setAt(i)} />
            ))}
          </div>
          <p className="readout" aria-hidden="true">
            {at === null ? <Legend job={job} /> : words(at)}
          </p>
        </>
      )}
      {node.gpus.length > 0 && (
        <ul className="gpus" aria-label={`GPUs of ${host}`}>
          {node.gpus.map((gpu, i) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: a GPU is its index
            <li key={i} className={toneOf(gpuOwners.get(i), job)}>
              <span>GPU {i}</span>
              <svg viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true">
                <rect className="meter-rest" width="100" height="8" />
                <rect fill="var(--gpu)" width={gpu.util ?? 0} height="8" />
              </svg>
              <b>{percent(gpu.util)}</b>
              <span className="muted">
                {memory(gpu.memUsed)} of {memory(gpu.memTotal)} {gpuOwners.get(i)?.join(", ") ?? "free"}
              </span>
            </li>
          ))}
        </ul>
      )}
      {cores.length > 0 && <CoreTwin cores={cores} owners={owners} />}
      {(query.data?.timestamp ?? timestamp) < timestamp && (
        <p className="muted">As of {clock(query.data?.timestamp)}.</p>
      )}
    </>
  );
}

function CoreCell({ core, tone, onEnter }: { core: Core | null; tone: string; onEnter: () => void }) {
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: pointing shows what the table twin says to everybody
    <i className={`core ${tone} ${core ? "" : "unknown"}`} onMouseEnter={onEnter}>
      {core && (
        <>
          <b style={{ height: `${core.wait}%`, background: "var(--cpu-wait)" }} />
          <b style={{ height: `${core.system}%`, background: "var(--cpu-system)" }} />
          <b style={{ height: `${core.user}%`, background: "var(--cpu-user)" }} />
        </>
      )}
    </i>
  );
}

function Legend({ job }: { job: string | undefined }) {
  return (
    <span className="legend">
      <i className="key" style={{ color: "var(--cpu-user)" }} /> user{" "}
      <i className="key" style={{ color: "var(--cpu-system)" }} /> system{" "}
      <i className="key" style={{ color: "var(--cpu-wait)" }} /> wait
      {job && (
        <>
          {" "}
          <i className="key framed" /> this job
        </>
      )}
    </span>
  );
}

function CoreTwin({ cores, owners }: { cores: (Core | null)[]; owners: Map<number, string[]> }) {
  const [open, setOpen] = useState(false);
  return (
    <details className="twin" onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>
        Table<span className="sr"> of the cores</span>
      </summary>
      {open && (
        <table>
          <thead>
            <tr>
              <th scope="col">Core</th>
              <th scope="col">User</th>
              <th scope="col">System</th>
              <th scope="col">Wait</th>
              <th scope="col">Job</th>
            </tr>
          </thead>
          <tbody>
            {cores.map((core, i) => (
              // biome-ignore lint/suspicious/noArrayIndexKey: a core is its index
              <tr key={i}>
                <th scope="row">{i}</th>
                <td>{percent(core?.user)}</td>
                <td>{percent(core?.system)}</td>
                <td>{percent(core?.wait)}</td>
                <td>{owners.get(i)?.join(", ") ?? ""}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </details>
  );
}

function coreWords(i: number, core: Core | null, jobs: string[] | undefined): string {
  const load = core
    ? `user ${percent(core.user)}, system ${percent(core.system)}, wait ${percent(core.wait)}`
    : "not known";
  return `Core ${i}: ${load}; ${jobs ? `job ${jobs.join(", ")}` : "no job"}`;
}

/** Index of a core (which = 0) or a GPU (which = 1) → ids of the jobs that hold it. */
function ownersOf(jobs: Record<string, string[]>, which: 0 | 1): Map<number, string[]> {
  const owners = new Map<number, string[]>();
  for (const [id, lists] of Object.entries(jobs)) {
    for (const i of indices(lists[which])) owners.set(i, [...(owners.get(i) ?? []), id]);
  }
  return owners;
}

function toneOf(owners: string[] | undefined, job: string | undefined): string {
  if (job === undefined) return "";
  if (owners?.includes(job)) return "own";
  return owners ? "taken" : "free";
}
