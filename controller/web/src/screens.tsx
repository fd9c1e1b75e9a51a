// Which address shows which screen. Each screen is a chunk of its own.
import type { ComponentType } from "react";
import type { RouteObject } from "react-router";
import { Frame } from "./frame/Frame";
import { NoSuchPage } from "./frame/NoSuchPage";
import { PageFault } from "./frame/PageFault";
import { Session } from "./sign-in/Session";

function screen<Name extends string>(load: () => Promise<Record<Name, ComponentType>>, name: Name) {
  return { lazy: async () => ({ Component: (await load())[name] }) };
}

export const screens: RouteObject[] = [
  {
    Component: Session,
    ErrorBoundary: PageFault,
    HydrateFallback: () => null,
    children: [
      {
        Component: Frame,
        children: [
          {
            ErrorBoundary: PageFault,
            children: [
              { index: true, ...screen(() => import("./overview/Overview"), "Overview") },
              { path: "images", ...screen(() => import("./images/Images"), "Images") },
              { path: "images/:name", ...screen(() => import("./images/Image"), "Image") },
              { path: "images/:name/edit", ...screen(() => import("./editor/Editor"), "Editor") },
              {
                path: "images/:name/versions/:before/:after",
                ...screen(() => import("./images/CompareVersions"), "CompareVersions"),
              },
              { path: "provision", ...screen(() => import("./provision/Provision"), "Provision") },
              { path: "vms", ...screen(() => import("./vms/Vms"), "Vms") },
              { path: "vms/:id", ...screen(() => import("./vms/Vm"), "Vm") },
              { path: "hosts", ...screen(() => import("./hosts/Hosts"), "Hosts") },
              { path: "hosts/:name", ...screen(() => import("./hosts/Host"), "Host") },
              { path: "people", ...screen(() => import("./people/People"), "People") },
              { path: "audit", ...screen(() => import("./audit/Audit"), "Audit") },
              { path: "audit/:number", ...screen(() => import("./audit/Record"), "Record") },
              { path: "settings", ...screen(() => import("./settings/Settings"), "Settings") },
              { path: "help", ...screen(() => import("./help/Help"), "Help") },
              { path: "errors/:code", ...screen(() => import("./help/Help"), "Help") },
              { path: "jobs", ...screen(() => import("./jobs/Jobs"), "Jobs") },
              { path: "jobs/:id/compare", ...screen(() => import("./compare/CompareJobs"), "CompareJobs") },
              { path: "jobs/:id", ...screen(() => import("./jobs/Job"), "Job") },
              { path: "*", Component: NoSuchPage },
            ],
          },
        ],
      },
    ],
  },
];
