// The newest numbers come without names: their rows are those of the running jobs and of the nodes, which the page has.
import type { Snapshot } from "./snapshot";
import type { Chunk, Latest } from "./types.gen";

/** Make a chunk of one point; null when it does not fit what the page knows. */
export function pointChunk(snapshot: Snapshot, point: Latest["point"]): Chunk | null {
  const hosts = snapshot.nodes.map((node) => node.name);
  const place = new Map(hosts.map((name, i) => [name, i]));
  // Sorted by UTF-16 units, as the daemon does.
  const jobs = [...snapshot.jobs.values()]
    .filter((job) => job.state === "RUNNING")
    .sort((a, b) => (a.id < b.id ? -1 : 1));
  const rows = jobs.flatMap((job, i) => job.hosts.map((placement) => ({ job: i, ...placement })));
  if (rows.length !== point.jobRows || hosts.length !== point.nodeRows) return null;
  const { span } = snapshot.series.day;
  return {
    format: 1,
    tier: "day",
    start: Math.floor(snapshot.timestamp / span) * span,
    span,
    times: [snapshot.timestamp],
    hosts,
    jobs: jobs.map((job) => job.id),
    jobRows: {
      job: rows.map((row) => row.job),
      host: rows.map((row) => place.get(row.host) ?? 0),
      cores: rows.map((row) => row.cores),
      gpus: rows.map((row) => row.gpus),
      columns: point.jobColumns,
    },
    nodeRows: { host: hosts.map((_, i) => i), columns: point.nodeColumns },
  };
}
