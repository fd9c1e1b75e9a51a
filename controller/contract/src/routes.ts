// The table of all routes of the HTTP API: path, who may, what goes in and what comes out. The controller's guard reads the role from it and denies
// what is not in it, the OpenAPI document is made from it, the command line and the web UI type their requests by it.
import { controllerRoutes } from "./controller-routes.js";
import { hostRoutes } from "./host-routes.js";
import { imageRoutes } from "./image-routes.js";
import { jobRoutes } from "./job-routes.js";
import { peopleRoutes } from "./people-routes.js";
import { sessionRoutes } from "./session-routes.js";
import { vmRoutes } from "./vm-routes.js";

export const routes = {
  ...sessionRoutes,
  ...peopleRoutes,
  ...hostRoutes,
  ...imageRoutes,
  ...jobRoutes,
  ...vmRoutes,
  ...controllerRoutes,
} as const;

export type RouteName = keyof typeof routes;
