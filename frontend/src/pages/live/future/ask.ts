// The request of "Will it run now?" in the address of the page: cores.nodes.memory.gpus.walltime.partition
import type { Job } from "../../../api/snapshot";
import type { Ask } from "../../../api/window";

const limits = { cores: 1_000_000, nodes: 100_000, memory: 1 << 30, gpus: 1024, walltime: 5_256_000 } as const;
const least = { cores: 1, nodes: 1, memory: 0, gpus: 0, walltime: 0 } as const;
const numbers = ["cores", "nodes", "memory", "gpus", "walltime"] as const;

export const standardAsk: Ask = { cores: 4, nodes: 1, memory: 8192, gpus: 0, walltime: 60, partition: "" };

export function encodeAsk(ask: Ask): string {
  return [...numbers.map((name) => ask[name]), ask.partition].join(".");
}

/** Read a request from an address; what makes no sense is taken from the standard one. */
export function decodeAsk(text: string | undefined): Ask {
  if (!text) return standardAsk;
  const parts = text.split(".");
  const ask = { ...standardAsk, partition: parts.slice(numbers.length).join(".").slice(0, 255) };
  numbers.forEach((name, i) => {
    const part = parts[i] ?? "";
    if (/^\d{1,10}$/.test(part)) ask[name] = bounded(name, Number(part));
  });
  return ask;
}

/** Keep a number within what can be asked for. */
export function bounded(name: (typeof numbers)[number], value: number): number {
  return Number.isFinite(value) ? Math.min(limits[name], Math.max(least[name], Math.round(value))) : standardAsk[name];
}

/** Return what a waiting job asks for, per node. */
export function askOf(job: Job): Ask {
  const nodes = Math.max(1, job.nNodes ?? 1);
  return {
    cores: Math.max(1, Math.ceil(job.cpus / nodes)),
    nodes,
    memory: Math.ceil(job.memReq ?? 0),
    gpus: Math.ceil(job.gpus / nodes),
    walltime: job.timeLimit ?? 0,
    partition: job.partition.split(",")[0] ?? "",
  };
}
