import type { Live } from "../../../api/live";
import { Panes } from "../Panes";

export default function PastPage({ live }: { live: Live }) {
  return <Panes live={live} />;
}
