// What each job left, kept beside the journal and after it: cleaning goes by this and never by a path from the wire, after a restart, a reboot, and when the job
// itself has been forgotten. The newest thousand are kept.
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import * as z from "zod/mini";
import { writeDurably } from "../disk/durable.js";

const sight = z.object({
  kind: z.enum(["process", "domain", "mount", "loop_device", "volume", "file", "directory"]),
  path: z.string(),
  bytes: z.number(),
  detail: z.string(),
  mark: z.string(),
  /** The job that has made it its own since. */
  takenBy: z.optional(z.string()),
});
const record = z.object({
  jobId: z.string(),
  vmName: z.string(),
  vmUuid: z.string(),
  left: z.array(sight),
  removed: z.array(sight),
});
export type LeftoverRecord = z.infer<typeof record>;
export type Left = z.infer<typeof sight>;

const mostRecords = 1_000;

export class LeftoverRecords {
  readonly #folder: string;

  constructor(stateDir: string) {
    this.#folder = join(stateDir, "leftovers");
    mkdirSync(this.#folder, { recursive: true, mode: 0o700 });
  }

  get(jobId: string): LeftoverRecord | undefined {
    const path = this.#path(jobId);
    return existsSync(path) ? record.parse(JSON.parse(readFileSync(path, "utf8"))) : undefined;
  }

  /** On the disk when this returns. */
  put(one: LeftoverRecord): void {
    writeDurably(this.#path(one.jobId), JSON.stringify(one));
    const names = this.#names();
    if (names.length <= mostRecords) return;
    const byAge = names
      .map((name) => ({ name, at: statSync(join(this.#folder, name)).mtimeMs }))
      .sort((a, b) => a.at - b.at);
    for (const { name } of byAge.slice(0, names.length - mostRecords)) rmSync(join(this.#folder, name));
  }

  all(): LeftoverRecord[] {
    return this.#names()
      .map((name) => this.get(name.slice(0, -".json".length)))
      .filter((one) => one !== undefined);
  }

  #names(): string[] {
    return readdirSync(this.#folder).filter((name) => name.endsWith(".json"));
  }

  #path(jobId: string): string {
    return join(this.#folder, `${jobId}.json`);
  }
}
