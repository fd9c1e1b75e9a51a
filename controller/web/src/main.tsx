// The pages of ConVirt. What each screen needs is loaded when it is opened; this file and what it imports are what a browser loads first.
import "@patternfly/react-core/dist/styles/base.css";
import "./style/base.css";
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { createRoot } from "react-dom/client";
import { createBrowserRouter, RouterProvider } from "react-router";
import { ApiError } from "./api/client";
import { applyTheme } from "./frame/theme";
import { screens } from "./screens";

applyTheme();

const queries = new QueryClient({
  defaultOptions: {
    queries: {
      // What is another is told by the live line; what was read is good until then.
      staleTime: 60_000,
      // A refusal stays one; a lost connection may come back.
      retry: (failures, error) => failures < 2 && error instanceof ApiError && error.status === 0,
    },
  },
});

const root = document.getElementById("root");
if (root === null) throw new Error("The page has no element to stand in");
createRoot(root).render(
  <QueryClientProvider client={queries}>
    <RouterProvider router={createBrowserRouter(screens)} />
  </QueryClientProvider>,
);
