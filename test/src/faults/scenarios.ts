// All scenarios by the names that the long form knows them by.
import { cutClients, deafClients } from "./clients.js";
import { jumpingClocks } from "./clocks.js";
import { difficultScripts } from "./difficult-scripts.js";
import { fullDisks } from "./disks.js";
import { kills } from "./kills.js";
import { badLinks, blackHole } from "./links.js";
import { reboots } from "./reboots.js";
import { sameRequest } from "./requests.js";
import { restores } from "./restores.js";
import type { Scenario } from "./scenario.js";
import { secondControllers } from "./second-controllers.js";

export const scenarios: Readonly<Record<string, Scenario>> = {
  kills,
  "bad-links": badLinks,
  "black-hole": blackHole,
  "cut-clients": cutClients,
  "deaf-clients": deafClients,
  "same-request": sameRequest,
  "difficult-scripts": difficultScripts,
  "full-disks": fullDisks,
  clocks: jumpingClocks,
  reboots,
  restores,
  "second-controllers": secondControllers,
};
