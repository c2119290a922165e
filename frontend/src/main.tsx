import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { HashRouter } from "react-router";
import { App } from "./App";
import { loadSite } from "./api/site";
import { SiteContext } from "./api/useLive";
import "./styles/base.css";
import "./styles/shell.css";
import "./styles/capabilities.css";
import "./styles/panes.css";
import "./styles/list.css";
import "./styles/columns.css";
import "./styles/users.css";
import "./styles/nodes.css";
import "./styles/detail.css";
import "./styles/rules.css";
import "./styles/charts.css";
import "./styles/cores.css";
import "./styles/print.css";
import "./styles/past.css";
import "./styles/future.css";
import "./styles/finished.css";

const client = new QueryClient({ defaultOptions: { queries: { retry: false, networkMode: "always" } } });

loadSite().then((site) => {
  document.title = site.pageTitle;
  createRoot(document.getElementById("root") as HTMLElement).render(
    <StrictMode>
      <QueryClientProvider client={client}>
        <SiteContext value={site}>
          <HashRouter>
            <App />
          </HashRouter>
        </SiteContext>
      </QueryClientProvider>
    </StrictMode>,
  );
});
