// A job and a snapshot as the tests of the live data want them.
import type { Job, Snapshot } from "../src/api/snapshot";

export const job = (id: string, more: Partial<Job> = {}): Job => ({
  id,
  name: "run",
  user: "ann",
  state: "RUNNING",
  partition: "cpu",
  account: "phys",
  reason: "",
  dependency: "",
  arrayTasks: "",
  cpus: 4,
  gpus: 0,
  nNodes: 1,
  timeLimit: 60,
  runTime: null,
  start: 0,
  end: null,
  submit: null,
  priority: null,
  memReq: null,
  memMax: null,
  jobfsReq: null,
  exitCode: null,
  hosts: [{ host: "n1", cores: 4, gpus: 0 }],
  ...more,
});

export function snapshot(timestamp: number): Snapshot {
  const tier = { step: 30, span: 600, open: null, closed: [] };
  return {
    timestamp,
    previous: timestamp - 30,
    interval: 30,
    cluster: "c",
    version: "1",
    usage: { avail: 8, running: 4 },
    nodes: [],
    jobs: new Map([
      ["1", job("1")],
      ["2", job("2")],
    ]),
    partitions: [],
    reservations: [],
    sources: [],
    cycle: { sources: 0, collect: 0, publish: 0, bytes: 0, late: 0 },
    series: { day: tier, month: { ...tier, step: 300, span: 7200 }, year: { ...tier, step: 3600, span: 86_400 } },
  };
}
