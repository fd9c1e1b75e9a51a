// What a job leaves on its host: told from what was there before, listed when the job does not succeed, cleaned when somebody asks. Owns the records of it. Never
// lists what another job or VM made, and never touches what was there before, what has changed since, or what is in use.
import { readdirSync } from "node:fs";
import { dirname } from "node:path";
import type { Inventory } from "../host/inventory.js";
import { Limiter } from "../process/limiter.js";
import type { Toolstack } from "../toolstack/toolstack.js";
import { type Cleaned, Cleaner } from "./cleaner.js";
import { type Footprint, isOf, type Others, volumeOf } from "./footprint.js";
import type { KeptSecrets } from "./kept-secrets.js";
import { type Left, LeftoverRecords } from "./record.js";
import { ancestors, below, keyOf, lookAround, processesOf, type Sight } from "./sight.js";

export interface LeftoversDependencies {
  stateDir: string;
  inventory: Inventory;
  toolstack: Toolstack;
  secrets: KeptSecrets;
  /** What jobs that are under way claim, but the one named. */
  claims: (except: string) => readonly Footprint[];
  /** Between TERM and KILL. */
  graceMs: number;
}

/** Everything else is cleaned before what it holds or lies in. */
const order: readonly Sight["kind"][] = ["process", "domain", "mount", "loop_device", "volume", "file", "directory"];

export class Leftovers {
  readonly #deps: LeftoversDependencies;
  readonly #records: LeftoverRecords;
  /** One at a time: two who clean the same would each see half of the other's work. */
  readonly #cleaning = new Limiter(1);

  constructor(deps: LeftoversDependencies) {
    this.#deps = deps;
    this.#records = new LeftoverRecords(deps.stateDir);
  }

  /** Before the script: the keys of all that is there. What an earlier job left and this one may now replace is no longer that job's. */
  async before(footprint: Footprint, signal: AbortSignal): Promise<string[]> {
    const { seen, unseenGroups } = await lookAround(footprint, signal);
    this.#takeOver(footprint);
    return [...seen.map(keyOf), ...unseenGroups.map(unseenKey)];
  }

  #takeOver(footprint: Footprint): void {
    const mine = new Set([...footprint.targets, footprint.configPath]);
    for (const record of this.#records.all()) {
      const taken = record.left.filter((one) => mine.has(one.path) && one.takenBy === undefined);
      if (taken.length === 0 || record.jobId === footprint.jobId) continue;
      for (const one of taken) one.takenBy = footprint.jobId;
      this.#records.put(record);
    }
  }

  /** After a job that did not succeed: all that is new and its own; what it left running alone, after one that did. `runnerSession`: not the script's. */
  async find(
    footprint: Footprint,
    before: ReadonlySet<string>,
    options: { runnerSession: number | undefined; succeeded: boolean; signal: AbortSignal },
  ): Promise<Left[]> {
    const processes = processesOf(footprint.jobId, options.runnerSession);
    if (options.succeeded) return processes;
    const { domains } = await this.#deps.inventory.snapshot(0, options.signal);
    const others = this.#others(footprint, domains);
    const seen = (await lookAround(footprint, options.signal)).seen.filter((sight) => isNew(sight, before));
    const ofKind = (kind: Sight["kind"]) => seen.filter((sight) => sight.kind === kind);
    const mountPoints = new Set(ofKind("mount").map((sight) => sight.path));
    // The folder below a mount cannot be seen; that it is empty is enough to remove it.
    const files = seen
      .filter((sight) => isMine(sight, footprint, others))
      .map((sight) => (mountPoints.has(sight.path) ? { ...sight, mark: "" } : sight));
    const known = new Set(files.map((sight) => sight.path));
    const whole = files.filter(
      (sight) =>
        sight.kind === "directory" &&
        !mountPoints.has(sight.path) &&
        !footprint.folders.includes(sight.path) &&
        isOf(footprint, sight.path, others),
    );
    files.push(...whole.flatMap((sight) => below(sight.path, mountPoints)).filter((sight) => !known.has(sight.path)));
    const devices = ofKind("loop_device").filter((sight) => isOf(footprint, sight.detail, others));
    const sources = new Set(
      [...devices, ...files.filter((sight) => sight.kind === "volume")].map((sight) => sight.path),
    );
    const mounted = ofKind("mount").filter((sight) => sources.has(sight.detail) || known.has(sight.path));
    const running = domains
      .filter((domain) => domain.name === footprint.vmName && domain.uuid === footprint.vmUuid)
      .map(({ name, uuid }) => ({ kind: "domain" as const, path: name, bytes: 0, detail: uuid, mark: uuid }));
    return sorted([...processes, ...running, ...mounted, ...devices, ...files]);
  }

  /** On the disk when this returns. */
  keep(footprint: Footprint, left: Left[], removed: Left[] = []): void {
    if (left.length + removed.length === 0) return;
    const { jobId, vmName, vmUuid } = footprint;
    this.#records.put({ jobId, vmName, vmUuid, left, removed });
  }

  isKept(jobId: string): boolean {
    return this.#records.get(jobId) !== undefined;
  }

  /** All, or those of the paths. Keeps what came of it, and says it without the job's secrets. */
  async clean(jobId: string, paths: readonly string[], signal: AbortSignal): Promise<Cleaned> {
    return this.#cleaning.run(signal, async () => {
      const record = this.#records.get(jobId);
      const redactor = this.#deps.secrets.redactorOf(record?.vmUuid ?? "");
      // Whoever asks knows the names as they were told: with their secrets hidden.
      const namesOf = ({ path }: Left) => [path, redactor?.hideIn(path) ?? path];
      const isWanted = (one: Left) => paths.length === 0 || namesOf(one).some((name) => paths.includes(name));
      const listed = [...(record?.left ?? []), ...(record?.removed ?? [])].flatMap(namesOf);
      const notListed = paths.filter((path) => !listed.includes(path));
      const answer: Cleaned = {
        removed: (record?.removed ?? []).filter(isWanted),
        remaining: notListed.map((path) => ({
          left: { kind: "file", path, bytes: 0, detail: "", mark: "" },
          code: "not_listed",
          message: `The job left nothing of the name ${path}`,
        })),
      };
      if (record === undefined) return answer;
      const cleaner = new Cleaner({ ...this.#deps, record, claims: this.#deps.claims(jobId), signal });
      for (const one of sorted(record.left.filter(isWanted))) {
        const why = await cleaner.clean(one);
        if (why === undefined) {
          answer.removed.push(one);
          record.left = record.left.filter((left) => left !== one);
          record.removed.push(one);
        } else answer.remaining.push({ left: one, ...why });
      }
      this.#records.put(record);
      this.#deps.secrets.settle(record.vmUuid);
      return redactor?.hideIn(answer) ?? answer;
    });
  }

  /** Names and paths on this host that are not this job's: of jobs under way, of what other jobs left, of domains, of configurations that are there. */
  #others(footprint: Footprint, domains: readonly { name: string }[]): Others {
    const claims = this.#deps.claims(footprint.jobId);
    const kept = this.#records.all().filter((record) => record.jobId !== footprint.jobId);
    const configs = namesIn(dirname(footprint.configPath));
    return {
      names: new Set([
        ...claims.map((claim) => claim.vmName),
        ...kept.map((record) => record.vmName),
        ...domains.map((domain) => domain.name),
        ...configs,
      ]),
      paths: new Set([
        ...claims.flatMap((claim) => [...claim.targets, claim.configPath]),
        ...kept.flatMap((record) =>
          record.left.filter((one) => one.takenBy !== footprint.jobId).map((one) => one.path),
        ),
      ]),
    };
  }
}

/** In a volume group that LVM did not tell of before, nothing counts as new. */
function isNew(sight: Sight, before: ReadonlySet<string>): boolean {
  const group = sight.kind === "volume" ? volumeOf(sight.path)?.group : undefined;
  return !before.has(keyOf(sight)) && (group === undefined || !before.has(unseenKey(group)));
}

function unseenKey(group: string): string {
  return `unseen ${group}`;
}

function isMine(sight: Sight, footprint: Footprint, others: Others): boolean {
  if (sight.kind === "volume" || sight.kind === "file") return isOf(footprint, sight.path, others);
  if (sight.kind !== "directory") return false;
  const isShared = [...others.paths].some((path) => path.startsWith(`${sight.path}/`));
  return !isShared && (ancestors(footprint).includes(sight.path) || isOf(footprint, sight.path, others));
}

/** By kind; of folders the deepest first. */
function sorted(left: Left[]): Left[] {
  return left.sort(
    (a, b) =>
      order.indexOf(a.kind) - order.indexOf(b.kind) || (a.kind === "directory" ? b.path.length - a.path.length : 0),
  );
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    // Nothing is configured there.
    return [];
  }
}
