// Why a job waits, in words, and what its owner can do about it. The names are Slurm's.

export interface Reason {
  words: string;
  /** "" when there is nothing to do but wait. */
  advice: string;
}

const exact: Record<string, Reason> = {
  Resources: {
    words: "It is next in line and waits for cores, memory or GPUs to become free.",
    advice: "A shorter time limit or a smaller request may fit into a gap: see “Will it run now?”.",
  },
  Priority: {
    words: "Other jobs are before it in the queue.",
    advice: "A shorter time limit or a smaller request may fit into a gap: see “Will it run now?”.",
  },
  Dependency: { words: "It waits for another job to end.", advice: "" },
  DependencyNeverSatisfied: {
    words: "The job it depends on ended in a way that was not asked for: this one will never start.",
    advice: "Cancel it, and submit it again when the first one has succeeded.",
  },
  BeginTime: { words: "It was submitted with a time to begin that has not come yet.", advice: "" },
  JobHeldUser: { words: "Its owner holds it.", advice: "Let it go with: scontrol release JOBID" },
  JobHeldAdmin: { words: "An administrator holds it.", advice: "Ask the administrators why." },
  JobArrayTaskLimit: {
    words: "As many tasks of the array run as its limit (%) allows.",
    advice: "Raise the limit with: scontrol update JobId=JOBID ArrayTaskThrottle=N",
  },
  Licenses: { words: "It waits for a licence that others use.", advice: "" },
  Reservation: {
    words: "It waits for its reservation to begin or to have room.",
    advice: "Look at it with: scontrol show reservation",
  },
  ReservationDeleted: {
    words: "The reservation it was submitted to is gone.",
    advice: "Submit it again without that reservation.",
  },
  PartitionTimeLimit: {
    words: "It asks for more time than its partition allows: it will not start as it is.",
    advice: "Lower its time limit: scontrol update JobId=JOBID TimeLimit=…",
  },
  PartitionNodeLimit: {
    words: "It asks for more nodes than its partition allows or has: it will not start as it is.",
    advice: "Ask for fewer nodes, or for another partition.",
  },
  PartitionDown: { words: "Its partition is closed.", advice: "Ask for another partition, or wait." },
  PartitionInactive: {
    words: "Its partition takes jobs but starts none.",
    advice: "Ask for another partition, or wait.",
  },
  PartitionConfig: { words: "It does not fit its partition's rules.", advice: "Ask for another partition." },
  BadConstraints: {
    words: "No node has what it asks for: it will not start as it is.",
    advice: "Check its constraints, memory, cores and GPUs per node.",
  },
  NodeDown: { words: "A node that it needs is down.", advice: "Do not name nodes unless you must." },
  ReqNodeNotAvail: {
    words:
      "A node that it asks for is down, drained or reserved, often for a maintenance that its time limit reaches into.",
    advice: "A time limit that ends before the maintenance lets it start; do not name nodes unless you must.",
  },
  JobHoldMaxRequeue: {
    words: "It was requeued too often and is held.",
    advice: "Find out why it fails, then release it.",
  },
  Prolog: { words: "Its node is being prepared.", advice: "" },
  Cleaning: { words: "What it left behind is being cleaned up.", advice: "" },
  Nodes_required_for_job_are_DOWN_DRAINED_or_reserved: {
    words: "Nodes that it needs are down, drained or reserved.",
    advice: "Ask for another partition, or wait.",
  },
  AccountNotAllowed: { words: "Its account may not use this partition.", advice: "Use another account or partition." },
  AssociationJobLimit: {
    words: "Its owner or account runs as many jobs as allowed.",
    advice: "It starts when one of them ends.",
  },
  InvalidAccount: { words: "Its account is not valid.", advice: "Submit it again with another account." },
  InvalidQOS: { words: "Its quality of service is not valid.", advice: "Submit it again with another one." },
  SchedDefer: { words: "The scheduler looks at it with its next round.", advice: "" },
  None: { words: "The scheduler has not looked at it yet.", advice: "" },
};

const kinds: [RegExp, (scope: string, what: string) => Reason][] = [
  [
    /^(Assoc|QOS)(?:Grp|Max)?(\w*?)(?:Limit)?$/,
    (scope, what) => ({
      words: `A limit of its ${scope === "QOS" ? "quality of service" : "account or owner"} is reached (${amountOf(what)}).`,
      advice: "It starts when other jobs under that limit end; ask for less, or ask the administrators.",
    }),
  ],
  [
    /^(Max)(\w+)$/,
    (_, what) => ({
      words: `More is asked for than a limit allows (${amountOf(what)}).`,
      advice: "Ask for less, or ask the administrators.",
    }),
  ],
];

/** Explain a pending reason; one that is not known is said as it is. */
export function explain(reason: string): Reason {
  // "ReqNodeNotAvail, UnavailableNodes:n1" and "(Resources)" are the same words with more around them.
  const name =
    reason
      .replace(/^\(|\)$/g, "")
      .split(/[,:(]/)[0]
      ?.trim()
      .replaceAll(" ", "_") ?? "";
  if (name === "") return exact.None as Reason;
  if (Object.hasOwn(exact, name)) return exact[name] as Reason;
  for (const [pattern, make] of kinds) {
    const found = pattern.exec(name);
    if (found) return make(found[1] ?? "", found[2] ?? "");
  }
  return { words: `The scheduler says: ${reason}.`, advice: "" };
}

const amounts: [RegExp, string][] = [
  [/gres|gpu/i, "GPUs"],
  [/cpu.*min|cpurun/i, "core-minutes"],
  [/cpu/i, "cores"],
  [/mem/i, "memory"],
  [/node/i, "nodes"],
  [/submit/i, "submitted jobs"],
  [/job/i, "jobs"],
  [/wall|time/i, "time"],
  [/billing/i, "billing units"],
  [/licen/i, "licences"],
];

function amountOf(what: string): string {
  return amounts.find(([pattern]) => pattern.test(what))?.[1] ?? what;
}
