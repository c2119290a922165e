import { useLive } from "../../api/useLive";
import { Clock } from "../../components/Clock";
import { Keys } from "../../components/Keys";
import { Segments } from "../../components/Segments";
import { type Mode, modeOf, type Selection, useSelection } from "./selection";

const options: readonly { value: Mode; title: string }[] = [
  { value: "past", title: "Past" },
  { value: "present", title: "Present" },
  { value: "future", title: "Future" },
];

/** The part of the top bar that is about time: which part of it is shown, and the clock of the shown snapshot. */
export function LiveBar() {
  const { data } = useLive();
  const selection = useSelection();
  const mode = modeOf(selection);
  return (
    <>
      <Segments
        label="Time"
        options={options}
        value={mode === "finished" ? "past" : mode}
        onChange={(value) => selection.set({ mode: value === "present" ? null : value, at: null, with: null }, false)}
      />
      <span className="fill" />
      {data && mode !== "past" && <Clock snapshot={data.snapshot} />}
      <Keys onClose={() => closeDetail(selection)} />
    </>
  );
}

function closeDetail(selection: Selection): void {
  if (!selection.job && !selection.node) return;
  const row = document.querySelector<HTMLElement>(".pane-jobs tr.row.selected a");
  selection.set({ job: null, node: null }, false);
  row?.focus();
}
