/** Read a list of indices written as "0-3,8"; parts that make no sense are left out. */
export function indices(text: string | undefined): Set<number> {
  const all = new Set<number>();
  for (const part of (text ?? "").split(",")) {
    const match = /^(\d{1,6})(?:-(\d{1,6}))?$/.exec(part.trim());
    if (!match) continue;
    const first = Number(match[1]);
    const last = Number(match[2] ?? match[1]);
    for (let i = first; i <= last; i++) all.add(i);
  }
  return all;
}
