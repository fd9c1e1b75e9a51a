// The hypervisor's memory: one JSON file in a folder, changed under a lock and replaced by rename, so that any number of calls at once see whole states.
import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { acquire } from "./lock.js";

export interface FakeDomain {
  id: number;
  name: string;
  uuid: string;
  memoryMib: number;
  /** `mem-set` goes no higher. */
  maxMemoryMib: number;
  vcpus: number;
  /** `vcpu-set` goes no higher. */
  maxVcpus: number;
  type: "pv" | "pvh" | "hvm";
  state: "running" | "paused" | "crashed" | "zombie";
  startedAtMs: number;
  /** Set by `shutdown`: from then on the domain is gone. */
  endsAtMs: number | null;
  /** `shutdown` does nothing to a deaf guest. */
  deaf: boolean;
  configPath: string;
  kernel: string;
  ramdisk: string;
  cmdline: string;
  disks: FakeDisk[];
  nics: FakeNic[];
}

export interface FakeDisk {
  /** Null for a CD drive without a medium. */
  target: string | null;
  vdev: string;
  format: string;
  readwrite: boolean;
  cdrom: boolean;
}

export interface FakeNic {
  mac: string;
  bridge: string;
}

/** What `host.json` in the folder may set; everything has a default. */
export interface FakeHost {
  nodename: string;
  memoryMib: number;
  dom0MemoryMib: number;
  cpus: number;
  xenVersion: string;
  bridges: string[];
  /** How long a guest takes to go after `shutdown`. */
  shutdownMs: number;
}

interface World {
  nextId: number;
  bootedAtMs: number;
  domains: FakeDomain[];
}

export class FakeXen {
  readonly folder: string;
  readonly host: FakeHost;

  constructor(folder: string) {
    this.folder = folder;
    mkdirSync(folder, { recursive: true });
    const defaults: FakeHost = {
      nodename: "fakehost",
      memoryMib: 16_384,
      dom0MemoryMib: 1024,
      cpus: 4,
      xenVersion: "4.17.7",
      bridges: ["xenbr0"],
      shutdownMs: 300,
    };
    this.host = { ...defaults, ...(readJson(join(folder, "host.json")) as Partial<FakeHost> | undefined) };
  }

  /** dom0 and all domains that are not gone yet. */
  domains(): FakeDomain[] {
    return this.change((world) => world.domains);
  }

  /** Runs `work` on the world with nobody else in it, and keeps what it changed. */
  change<T>(work: (world: World) => T): T {
    const unlock = acquire(join(this.folder, "lock"));
    try {
      const path = join(this.folder, "world.json");
      const before = readJson(path) as World | undefined;
      const world = before ?? { nextId: 1, bootedAtMs: Date.now(), domains: [this.#dom0()] };
      const now = Date.now();
      world.domains = world.domains.filter((domain) => domain.endsAtMs === null || domain.endsAtMs > now);
      const answer = work(world);
      const temporary = `${path}.new`;
      writeFileSync(temporary, JSON.stringify(world));
      renameSync(temporary, path);
      return answer;
    } finally {
      unlock();
    }
  }

  freeMemoryMib(domains: readonly FakeDomain[]): number {
    return this.host.memoryMib - domains.reduce((sum, domain) => sum + domain.memoryMib, 0);
  }

  #dom0(): FakeDomain {
    return {
      id: 0,
      name: "Domain-0",
      uuid: "00000000-0000-0000-0000-000000000000",
      memoryMib: this.host.dom0MemoryMib,
      maxMemoryMib: this.host.dom0MemoryMib,
      vcpus: this.host.cpus,
      maxVcpus: this.host.cpus,
      type: "pv",
      state: "running",
      startedAtMs: Date.now(),
      endsAtMs: null,
      deaf: false,
      configPath: "",
      kernel: "",
      ramdisk: "",
      cmdline: "",
      disks: [],
      nics: [],
    };
  }
}

/** From the kernel: to load Node's cryptography would take as long as all of this program. */
export function newUuid(): string {
  return readFileSync("/proc/sys/kernel/random/uuid", "utf8").trim();
}

export function readJson(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, "utf8"));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}
