// The pages of the menu, one line each. To add one: a folder in pages/ and its line here.
import { type ComponentType, lazy } from "react";
import { BatchBar } from "./pages/batch/BatchBar";
import { LiveBar } from "./pages/live/LiveBar";
import { LivePage } from "./pages/live/LivePage";

export interface Page {
  name: string;
  title: string;
  component: ComponentType;
  /** What the page has to say in the top bar. */
  bar?: ComponentType;
  /** Below its name, the address that answers where a site offers it; left out where every site does. */
  asks?: string;
}

// Fetched when it is opened: whoever looks at the cluster does not wait for it.
const BatchPage = lazy(() => import("./pages/batch/BatchPage").then((part) => ({ default: part.BatchPage })));

/** The first one is also shown at "/". */
export const pages: readonly Page[] = [
  { name: "live", title: "Live", component: LivePage, bar: LiveBar },
  { name: "batch", title: "Batch", component: BatchPage, bar: BatchBar, asks: "overview" },
];
