import { Keys } from "../../components/Keys";

/** The part of the top bar on the pages of batch. */
export function BatchBar() {
  return (
    <>
      <span className="fill" />
      <Keys onClose={closeDetail} />
    </>
  );
}

function closeDetail(): void {
  const row = document.querySelector<HTMLElement>("main tr.row.selected a");
  document.querySelector<HTMLElement>(".pane-detail .close")?.click();
  row?.focus();
}
