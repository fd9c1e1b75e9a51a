// RE2, loaded with the first pattern: most images have none, and it is a large part of what evaluates them (most of a MiB of an agent that does nothing).
import { createRequire } from "node:module";
import type * as Re2 from "re2js";

let loaded: typeof Re2 | undefined;

export function engine(): typeof Re2 {
  // What a bundle's `require` names is in the bundle. Modules that are not bundled have none.
  loaded ??= (typeof require === "function" ? require("re2js") : createRequire(import.meta.url)("re2js")) as typeof Re2;
  return loaded;
}
