// Threads of the controller's own. Their programs are files that were built: beside the one bundle of a package, else where the compiler put them, also for the
// sources as they are tested.
import { existsSync } from "node:fs";
import { basename } from "node:path";
import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";

/** Starts the program that was built from `path`, a file of the sources without its ending. Throws when it was not built. */
export function startThread(path: string, workerData: unknown): Worker {
  const places = [`./${basename(path)}.js`, `../dist/${path}.js`].map((place) => new URL(place, import.meta.url));
  const program = places.find((place) => existsSync(fileURLToPath(place)));
  if (program === undefined) throw new Error(`The program of the thread ${path} was not built: run npm run build`);
  return new Worker(program, { workerData });
}
