// Users: what their running jobs hold and waste.
import type { Site } from "../../api/site";
import type { JobView } from "../../efficiency/jobView";
import { markOf } from "../../efficiency/jobView";
import type { Scores } from "../../lib/scores";
import type { UserView } from "./model";

/** Add jobs up by their users, in the order of their first jobs. */
export function usersOf(jobs: readonly JobView[], scores: Scores, site: Site): UserView[] {
  const users = new Map<string, UserView>();
  for (const view of jobs) {
    const { job } = view;
    let user = users.get(job.user);
    if (user === undefined) {
      const badness = scores.badness.get(job.user) ?? 0;
      const none = { cores: 0, gpus: 0, running: 0, known: 0, pending: 0, warned: 0 };
      user = { name: job.user, ...none, badness, mark: "ok", waste: new Map() };
      users.set(job.user, user);
    }
    if (job.state === "PENDING") user.pending++;
    if (!view.running) continue;
    user.running++;
    if (view.mark !== "unknown") user.known++;
    user.cores += job.cpus;
    user.gpus += job.gpus;
    if (view.mark === "warn" || view.mark === "bad") user.warned++;
    for (const [unit, lost] of view.waste) user.waste.set(unit, (user.waste.get(unit) ?? 0) + lost);
  }
  for (const user of users.values()) user.mark = markOf(user.badness, user.warned > 0, user.known === 0, site);
  return [...users.values()];
}
