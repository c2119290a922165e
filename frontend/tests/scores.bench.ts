// The budget: 2,025 running jobs over 20 snapshots in at most 50 ms.
import { bench } from "vitest";
import { defaults } from "../src/lib/rules";
import { type Input, score } from "../src/lib/scores";

const NOW = 1_000_000;
const JOBS = 2025;
const NODES = 323;
const times = Array.from({ length: 20 }, (_, i) => NOW - 570 + i * 30);

function column(rows: number, value: (row: number, t: number) => number): Float64Array {
  return Float64Array.from({ length: rows * times.length }, (_, i) =>
    value(Math.floor(i / times.length), i % times.length),
  );
}

const input: Input = {
  times,
  jobs: Array.from({ length: JOBS }, (_, i) => ({
    job: String(i),
    user: `u${i % 100}`,
    host: `n${i % NODES}`,
    cores: 1 + (i % 16),
    gpus: i % 20 === 0 ? 1 : 0,
    hostCpus: 64,
    memReq: 8192,
    memMax: 1000 + (i % 7000),
    start: NOW - 7200,
  })),
  jobColumns: {
    known: column(JOBS, (row) => 1 + (row % 16)),
    user: column(JOBS, (row, t) => (row * 7 + t) % 100),
    system: column(JOBS, (row) => row % 5),
    wait: column(JOBS, (row) => row % 7),
    mem: column(JOBS, (row) => 500 + (row % 7000)),
    gpuUtil: column(JOBS, (row) => (row % 20 ? Number.NaN : row % 100)),
  },
  nodes: Array.from({ length: NODES }, (_, i) => ({ host: `n${i}`, swapTotal: 8000 })),
  nodeColumns: { swap: column(NODES, (row) => row * 10) },
};

bench("score 2,025 jobs over 20 snapshots", () => {
  score(input, defaults, NOW);
});
