// A host that provisions, for tests: real runner, real scripts, real files, a Xen that is not there, and a real loopback connection. `restart` is an agent that goes
// and one that comes; what runs goes on.
import { randomUUID } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  type CancelReply,
  type CheckReply,
  type CleanReply,
  type Ended,
  type ForgetReply,
  type JobEvent,
  type ListJobsReply,
  ProvisionServiceClient,
  ProvisionServiceService,
  ProvisionSpec,
  type StartReply,
} from "@convirt/proto/provision";
import { type ClientReadableStream, credentials, Server, ServerCredentials, type ServiceError } from "@grpc/grpc-js";
import type { AgentConfig } from "../config/config.js";
import { Inventory } from "../host/inventory.js";
import { KeptSecrets } from "../leftovers/kept-secrets.js";
import { processesOf } from "../leftovers/sight.js";
import { plainEnvironment } from "../process/run.js";
import { Handlers } from "../server/handlers.js";
import { Staging } from "../staging/staging.js";
import { type FakeXen, fakeXen, silentLog, temporaryFolder, testConfig, until } from "../testing.js";
import { Driver } from "../toolstack/driver.js";
import { Provisioner } from "./provisioner.js";

export interface Followed {
  events: JobEvent[];
  log: string;
  ended: Ended;
}

type Callback<A> = (error: ServiceError | null, answer: A) => void;

export class TestHost {
  readonly path: string;
  readonly config: AgentConfig;
  readonly xen: FakeXen;
  readonly xl: Driver;
  readonly #remove: () => void;
  #client: ProvisionServiceClient | undefined;
  #server: Server | undefined;
  #provisioner: Provisioner | undefined;
  #inventory: Inventory | undefined;

  constructor(change: (config: AgentConfig, folder: string) => Partial<AgentConfig> = () => ({})) {
    const { path, remove } = temporaryFolder();
    this.path = path;
    this.#remove = remove;
    this.xen = fakeXen(path);
    const config = testConfig(path, this.xen.xl);
    const diskRoots = [join(path, "disks"), join(path, "configs")];
    this.config = { ...config, policy: { ...config.policy, diskRoots }, ...change(config, path) };
    for (const folder of ["disks", "configs", "store", "state"]) mkdirSync(join(path, folder), { recursive: true });
    this.xl = new Driver({
      program: this.xen.xl,
      name: "xl",
      environment: plainEnvironment,
      creates: 1,
      scopes: false,
    });
  }

  async up(): Promise<this> {
    const inventory = new Inventory(this.xl, silentLog);
    const handlers = new Handlers(silentLog, { open: true });
    const { config } = this;
    const staging = new Staging({ config, log: silentLog, handlers });
    const provisioner = new Provisioner({
      ...{ config, toolstack: this.xl, inventory, staging, log: silentLog, handlers },
      secrets: new KeptSecrets(config.stateDir),
      ...{ agentCommand: "/bin/false", useScopes: false },
    });
    await provisioner.recover();
    const server = new Server();
    server.addService(ProvisionServiceService, provisioner.service());
    const port = await new Promise<number>((resolve, reject) =>
      server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, bound) =>
        error === null ? resolve(bound) : reject(error),
      ),
    );
    this.#server = server;
    this.#provisioner = provisioner;
    this.#inventory = inventory;
    this.#client = new ProvisionServiceClient(`127.0.0.1:${port}`, credentials.createInsecure());
    return this;
  }

  async down(): Promise<void> {
    this.#client?.close();
    this.#server?.forceShutdown();
    this.#inventory?.stop();
    await this.#provisioner?.close();
  }

  async restart(): Promise<void> {
    await this.down();
    await this.up();
  }

  /** Ends what still runs of its jobs, whatever the test came to. */
  async remove(): Promise<void> {
    await this.down();
    const jobs = join(this.config.stateDir, "jobs");
    const ids = existsSync(jobs) ? readdirSync(jobs) : [];
    // One that is about to die may still write, or start another.
    await until(() => {
      const left = ids.flatMap((id) => processesOf(id, undefined));
      for (const { path } of left) end(Number(path));
      return left.length === 0 ? true : undefined;
    });
    this.#remove();
  }

  /** An image of one script, which is bash; each run of it is counted. */
  image(name: string, script: string): string {
    const folder = join(this.path, "store", name);
    mkdirSync(folder, { recursive: true });
    const count = `echo run >>"${this.path}/runs-$CONVIRT_JOB_ID"\ndisks="${this.path}/disks"\n`;
    writeFileSync(join(folder, "provision.sh"), `#!/bin/bash\n${count}${script}\n`, { mode: 0o755 });
    return name;
  }

  runs(jobId: string): number {
    const path = join(this.path, `runs-${jobId}`);
    return existsSync(path) ? readFileSync(path, "utf8").split("\n").length - 1 : 0;
  }

  /** A job for an image; `disks` are files in the folder of disks, writable, which the script is to make. */
  spec(
    image: string,
    vmName: string,
    more: Partial<ProvisionSpec> & { disks?: readonly string[] } = {},
  ): ProvisionSpec {
    const { disks = [], ...fields } = more;
    const letters = "abcdef";
    const paths = disks.map((disk) => (disk.startsWith("/") ? disk : join(this.path, "disks", disk)));
    const entries = paths.map((path, index) => `'file:${path},xvd${letters[index]},w'`);
    const made = paths.map((_, index) => `xvd${letters[index]}_disk_create='yes'\n`).join("");
    return ProvisionSpec.fromPartial({
      ...{ jobId: randomUUID(), vmName, vmUuid: randomUUID(), image },
      imageConf: `VM_CONF_DIR='${join(this.path, "configs")}'\n${made}`,
      vmConf: `name='${vmName}'\nmemory=32\ntype='pvh'\nkernel='/bin/sh'\ndisk=[${entries.join(",")}]\n`,
      ...fields,
    });
  }

  start(spec: ProvisionSpec): Promise<StartReply> {
    return this.#call((client, done) => client.start({ spec }, done));
  }

  check(spec: ProvisionSpec): Promise<CheckReply> {
    return this.#call((client, done) => client.check({ spec }, done));
  }

  cancel(jobId: string): Promise<CancelReply> {
    return this.#call((client, done) => client.cancel({ jobId }, done));
  }

  clean(jobId: string, paths: string[] = []): Promise<CleanReply> {
    return this.#call((client, done) => client.clean({ jobId, paths }, done));
  }

  forget(jobId: string): Promise<ForgetReply> {
    return this.#call((client, done) => client.forget({ jobId }, done));
  }

  listJobs(): Promise<ListJobsReply> {
    return this.#call((client, done) => client.listJobs({}, done));
  }

  stream(jobId: string, afterSequence = 0n, logOffset = 0n): ClientReadableStream<JobEvent> {
    if (this.#client === undefined) throw new Error("The host is down");
    return this.#client.follow({ jobId, afterSequence, logOffset });
  }

  /** All of a job, to its end. */
  async ended(jobId: string): Promise<Followed> {
    const events: JobEvent[] = [];
    const pieces: Buffer[] = [];
    for await (const event of this.stream(jobId) as AsyncIterable<JobEvent>) {
      if (event.event?.$case === "log") pieces.push(Buffer.from(event.event.value.data));
      else events.push(event);
    }
    const last = events.at(-1)?.event;
    if (last?.$case !== "ended") throw new Error("The stream ended before the job");
    return { events, log: Buffer.concat(pieces).toString("utf8"), ended: last.value };
  }

  async run(spec: ProvisionSpec): Promise<Followed> {
    await this.start(spec);
    return this.ended(spec.jobId);
  }

  /** Waits until a file of this host is there: a path below its folder. */
  appears(path: string): Promise<true> {
    return until(() => (existsSync(join(this.path, path)) ? (true as const) : undefined));
  }

  journal(jobId: string): string {
    return join(this.config.stateDir, "jobs", jobId);
  }

  #call<A>(how: (client: ProvisionServiceClient, done: Callback<A>) => unknown): Promise<A> {
    const client = this.#client;
    if (client === undefined) throw new Error("The host is down");
    return new Promise((resolve, reject) =>
      how(client, (error, answer) => (error === null ? resolve(answer) : reject(error))),
    );
  }
}

function end(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

/** The code of a refusal, as it came over the wire. */
export async function codeOf(call: Promise<unknown>): Promise<string> {
  try {
    await call;
    return "";
  } catch (error) {
    return String((error as ServiceError).metadata.get("convirt-code")[0]);
  }
}
