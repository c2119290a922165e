// The ring of users: who holds how much of the cluster's cores.
import type { UserView } from "./model";

export interface Slice {
  user: UserView;
  /** Parts of the full circle, 0 to 1, clockwise from the top. */
  from: number;
  to: number;
}

/** Lay the running users round the circle, the largest first; what is left of the circle is free. */
export function slicesOf(users: readonly UserView[], cores: number): Slice[] {
  const running = users.filter((user) => user.cores > 0).sort((a, b) => b.cores - a.cores);
  const held = running.reduce((sum, user) => sum + user.cores, 0);
  // More cores can be held than count as available, and a cluster may not know how many it has.
  const all = Math.max(cores, held);
  let at = 0;
  return running.map((user) => {
    const from = at;
    at += user.cores / all;
    return { user, from, to: at };
  });
}

/** Write a slice of a ring as an SVG path; radii in the units of the picture, centre at 0, 0. */
export function arc({ from, to }: Pick<Slice, "from" | "to">, inner: number, outer: number): string {
  const point = (part: number, radius: number) => {
    const angle = 2 * Math.PI * part;
    return `${(radius * Math.sin(angle)).toFixed(2)} ${(-radius * Math.cos(angle)).toFixed(2)}`;
  };
  // A path from a point to itself draws nothing: a whole circle stops just before.
  const end = to - from > 0.9999 ? from + 0.9999 : to;
  const large = end - from > 0.5 ? 1 : 0;
  return (
    `M${point(from, outer)}A${outer} ${outer} 0 ${large} 1 ${point(end, outer)}` +
    `L${point(end, inner)}A${inner} ${inner} 0 ${large} 0 ${point(from, inner)}Z`
  );
}
