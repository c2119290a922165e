// What is chosen on the live page: ?user=&who=&job=&node=&state=&partition=&q=&sort=&rank=&span=&view=
// and the time of what is shown: ?mode=past&at=&with=, ?mode=finished&since=&until=&waste=, ?mode=future&ask=; the present
// has no mode.
import { type Selection as Chosen, useKeys } from "../../lib/selection";

const chosen = ["user", "who", "job", "node", "state", "partition", "q", "sort", "rank", "span", "view"] as const;
const when = ["mode", "at", "with", "ask", "since", "until", "waste"] as const;
const keys = [...chosen, ...when] as const;

export type Selection = Chosen<(typeof keys)[number]>;

export const useSelection = (): Selection => useKeys(keys);

export const modes = ["past", "present", "future", "finished"] as const;
export type Mode = (typeof modes)[number];

/** Return which part of time is shown; a link without or with an unknown mode shows the present. */
export function modeOf({ mode }: Selection): Mode {
  return modes.find((one) => one === mode) ?? "present";
}
