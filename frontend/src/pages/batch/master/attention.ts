// What a person should look at, as groups of lines.
import type { Attention, Masters } from "../../../api/batch";

export interface Group {
  title: string;
  /** What it means, and what to do. */
  words: string;
  lines: { key: string; job?: number; text: string }[];
}

/** The groups that have anything in them. */
export function groupsOf(master: Masters, attention: Attention | undefined): Group[] {
  const jobs = (found: Attention["lost"] | undefined) =>
    (found ?? []).map((one) => ({
      key: String(one.job_id),
      job: one.job_id,
      text: [one.name, one.reason, one.tries > 1 ? `${one.tries} tries` : ""].filter(Boolean).join(", "),
    }));
  const orphans = attention?.orphans ?? 0;
  const groups: Group[] = [
    {
      title: "Troubles of the master",
      words: "What the master cannot do now. It goes on trying.",
      lines: (master.troubles ?? []).map((text) => ({ key: text, text })),
    },
    {
      title: "Unclear submissions",
      words:
        "The scheduler was asked, and did not say whether it took the job. It is looked for before it is tried again, later each time. What is held was tried too often: release it to submit it again, or cancel it. None of them has run.",
      lines: jobs(attention?.unclear),
    },
    {
      title: "Lost jobs",
      words: "The scheduler knows them no more, and they left no end. Look at what they did before you run them again.",
      lines: jobs(attention?.lost),
    },
    {
      title: "Refused",
      words: "They wait, because the scheduler did not take them. They are tried again, less and less often.",
      lines: jobs(attention?.refused),
    },
    {
      title: "Put aside",
      words:
        "What they left in their folder is not believed, or handling them fails. They cost nobody else anything: the scheduler's word counts, and what failed is tried again.",
      lines: (attention?.put_aside ?? []).map((one) => ({
        key: String(one.job_id),
        job: one.job_id,
        text: [one.name, one.status, one.put_aside].filter(Boolean).join(", "),
      })),
    },
    {
      title: "Messages that were not sent",
      words: "Mails, scripts and webhooks that failed. They are tried again until they are given up.",
      lines: (attention?.unsent ?? []).map((one, i) => ({
        key: `${i} ${one.recipient}`,
        text: [`${one.kind} to ${one.recipient}`, one.subject, one.state, one.error].filter(Boolean).join(", "),
      })),
    },
    {
      title: "Cancelled orphans",
      words: "Jobs that this master found held with the scheduler and on no record; they have never run.",
      lines: orphans > 0 ? [{ key: "orphans", text: `${orphans} since this master began` }] : [],
    },
  ];
  return groups.filter((group) => group.lines.length > 0);
}

/** How many matters need a person. */
export const needsAttention = (master: Masters, attention: Attention | undefined): number =>
  groupsOf(master, attention).reduce((sum, group) => sum + group.lines.length, 0);
