// The choice of finished jobs in the address of the page, as the daemon wants to be asked.
import type { Selection } from "../selection";

const sorts = ["end", "waste", "gpuWaste", "memoryWaste", "cores"];

/** Return the parameters of the search; dates are whole local days. */
export function queryOf(selection: Partial<Selection>): URLSearchParams {
  const query = new URLSearchParams();
  const { user, state, partition, q, since, until, waste, sort } = selection;
  for (const [name, value] of Object.entries({ user, state, partition, q })) {
    if (value) query.set(name, value.slice(0, 255));
  }
  const from = dayOf(since);
  const to = dayOf(until);
  if (from !== null) query.set("since", String(from));
  if (to !== null) query.set("until", String(to + 86399));
  if (waste === "1") query.set("waste", "true");
  if (sort && sorts.includes(sort)) query.set("sort", sort);
  return query;
}

/** Return the beginning of a local day in epoch seconds; null when it is none. */
function dayOf(text: string | undefined): number | null {
  if (!text || !/^\d{4}-\d{2}-\d{2}$/.test(text)) return null;
  const time = new Date(`${text}T00:00:00`).getTime() / 1000;
  return Number.isFinite(time) && time >= 0 ? Math.round(time) : null;
}
