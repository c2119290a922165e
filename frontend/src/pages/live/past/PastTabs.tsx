import { Segments } from "../../../components/Segments";
import { modeOf, useSelection } from "../selection";

const options = [
  { value: "past", title: "Time machine" },
  { value: "finished", title: "Finished jobs" },
] as const;

/** The two ways to look back: the cluster as it was, and the jobs that have ended. */
export function PastTabs() {
  const selection = useSelection();
  const mode = modeOf(selection);
  return (
    <Segments
      label="Way to look back"
      options={options}
      value={mode === "finished" ? "finished" : "past"}
      onChange={(value) => selection.set({ mode: value, at: null, with: null, job: null, node: null }, false)}
    />
  );
}
