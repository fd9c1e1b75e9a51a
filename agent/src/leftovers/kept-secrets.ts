// The secrets of a job after its end, for as long as something of it may still be spoken of: its VM, by the configuration that is there, or what it left behind. They
// lie where that configuration and image.conf lie, which hold the same values: on this host, for root alone. docs/decisions/0014 says why here and nowhere else.
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import * as z from "zod/mini";
import { writeDurably } from "../disk/durable.js";
import type { Log } from "../log.js";
import { Redactor } from "../script/redactor.js";
import { LeftoverRecords } from "./record.js";

const kept = z.object({ configPath: z.string(), secrets: z.array(z.string()) });
const vmUuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const suffix = ".json";

export class KeptSecrets {
  readonly #folder: string;
  readonly #records: LeftoverRecords;

  constructor(stateDir: string) {
    this.#folder = join(stateDir, "secrets");
    this.#records = new LeftoverRecords(stateDir);
    mkdirSync(this.#folder, { recursive: true, mode: 0o700 });
  }

  /** On the disk when this returns. */
  keep(vm: { vmUuid: string; configPath: string; secrets: readonly string[] }): void {
    if (vm.secrets.length === 0) return;
    const { configPath, secrets } = vm;
    writeDurably(this.#path(vm.vmUuid), JSON.stringify({ configPath, secrets }));
  }

  /** Hides in what is said of a VM, or of what the job that was to make it has left; undefined when nothing is kept. */
  redactorOf(uuid: string): Redactor | undefined {
    const found = this.#get(uuid);
    return found === undefined ? undefined : Redactor.of(found.secrets);
  }

  /** Forgets what nothing needs any more: no configuration, nothing left. What was removed is told by its hidden name from then on. */
  settle(uuid: string): void {
    const found = this.#get(uuid);
    if (found === undefined || existsSync(found.configPath)) return;
    const records = this.#records.all().filter((record) => record.vmUuid === uuid);
    if (records.some((record) => record.left.length > 0)) return;
    const redactor = Redactor.of(found.secrets);
    for (const record of records)
      this.#records.put({ ...record, removed: redactor?.hideIn(record.removed) ?? record.removed });
    rmSync(this.#path(uuid));
  }

  /** At start: a VM may have been removed by hand, and a crash may have come before the last step. What cannot be settled now stays. */
  sweep(log: Pick<Log, "warn">): void {
    for (const name of readdirSync(this.#folder)) {
      if (!name.endsWith(suffix)) continue;
      try {
        this.settle(name.slice(0, -suffix.length));
      } catch (error) {
        log.warn("the secrets of a job cannot be looked at; they are kept", { file: name, error });
      }
    }
  }

  #get(uuid: string): z.infer<typeof kept> | undefined {
    if (!vmUuid.test(uuid) || !existsSync(this.#path(uuid))) return undefined;
    return kept.parse(JSON.parse(readFileSync(this.#path(uuid), "utf8")));
  }

  #path(uuid: string): string {
    return join(this.#folder, `${uuid}${suffix}`);
  }
}
