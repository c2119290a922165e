// A scheduler's words for the states of jobs.

/** Write a scheduler's state as a word: "OUT_OF_MEMORY" is "Out of memory". */
export function stateWord(state: string): string {
  if (state === "attention") return "Needs attention";
  const words = state.toLowerCase().replaceAll("_", " ");
  return words ? words.charAt(0).toUpperCase() + words.slice(1) : "Unknown";
}

const unended =
  /^(PENDING|RUNNING|COMPLETING|CONFIGURING|SUSPENDED|STOPPED|RESIZING|SIGNALING|STAGE_OUT|REQUEUE.*|SPECIAL_EXIT|RESV_DEL_HOLD)$/;

/** Say whether a state is one that a job does not leave any more. */
export function hasEnded(state: string): boolean {
  return !unended.test(state);
}
