// The pages of the menu, one line each. To add one: a folder in pages/ and its line here.
import type { ComponentType } from "react";
import { LiveBar } from "./pages/live/LiveBar";
import { LivePage } from "./pages/live/LivePage";

export interface Page {
  name: string;
  title: string;
  component: ComponentType;
  /** What the page has to say in the top bar. */
  bar?: ComponentType;
}

/** The first one is also shown at "/". */
export const pages: readonly Page[] = [{ name: "live", title: "Live", component: LivePage, bar: LiveBar }];
