// The agent of this release and the controller of the first one, which is played by what it had: its own definitions of the wire, kept in recorded/first-release,
// and the calls that it made. What came later it neither sends nor understands.
import { createHash, randomUUID } from "node:crypto";
import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Client, credentials, loadPackageDefinition, type ServiceClientConstructor } from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import type { AgentConfig } from "../config/config.js";
import { fakeXen, type TestAgent, TestAuthority, temporaryFolder, testAgent, testConfig, until } from "../testing.js";

type Fields = Record<string, unknown>;
type Answered = (error: Error | null, answer: Fields) => void;
type Method = (request: Fields, done?: Answered) => AsyncIterable<Fields> & { cancel(): void };

const definitions = ["domain", "host", "provision", "staging"].map((name) =>
  fileURLToPath(new URL(`../../src/server/recorded/first-release/${name}.proto`, import.meta.url)),
);
const loaded = loadPackageDefinition(
  loadSync(definitions, { keepCase: true, longs: String, enums: String, defaults: true, oneofs: true }),
) as unknown as { convirt: { agent: { v1: Record<string, ServiceClientConstructor> } } };

class OldController {
  readonly #clients = new Map<string, Client>();
  readonly #address: string;
  readonly #tls: ReturnType<typeof credentials.createSsl>;

  constructor(port: number, ca: string, pair: { key: string; certificate: string }) {
    this.#address = `127.0.0.1:${port}`;
    this.#tls = credentials.createSsl(Buffer.from(ca), Buffer.from(pair.key), Buffer.from(pair.certificate), {
      checkServerIdentity: () => undefined,
    });
  }

  ask(service: string, method: string, request: Fields = {}): Promise<Fields> {
    return new Promise((resolve, reject) =>
      this.#method(service, method)(request, (error, answer) => (error === null ? resolve(answer) : reject(error))),
    );
  }

  stream(service: string, method: string, request: Fields): AsyncIterable<Fields> & { cancel(): void } {
    return this.#method(service, method)(request);
  }

  /** Sends messages one after another. */
  send(messages: readonly Fields[]): Promise<Fields> {
    const client = this.#client("StagingService");
    return new Promise((resolve, reject) => {
      const upload = client["Upload"] as unknown as (done: Answered) => { write(one: Fields): void; end(): void };
      const call = upload.call(client, (error, answer) => (error === null ? resolve(answer) : reject(error)));
      for (const message of messages) call.write(message);
      call.end();
    });
  }

  close(): void {
    for (const client of this.#clients.values()) client.close();
  }

  #method(service: string, method: string): Method {
    const client = this.#client(service);
    return (client[method] as Method).bind(client);
  }

  #client(service: string): Client & Record<string, unknown> {
    const Service = loaded.convirt.agent.v1[service];
    if (Service === undefined) throw new Error(`The first release has no ${service}`);
    const client = this.#clients.get(service) ?? new Service(this.#address, this.#tls);
    this.#clients.set(service, client);
    return client as Client & Record<string, unknown>;
  }
}

let authority: TestAuthority;
beforeAll(async () => {
  authority = await TestAuthority.create();
});
const folder = temporaryFolder();
afterAll(() => folder.remove());
let agent: TestAgent;
let old: OldController;
let config: AgentConfig;
let identityOf: { hostId: string };
beforeEach(async () => {
  const xen = fakeXen(folder.path);
  const plain = testConfig(folder.path, xen.xl);
  const disks = join(folder.path, "disks");
  mkdirSync(disks, { recursive: true });
  config = { ...plain, policy: { ...plain.policy, diskRoots: [disks] } };
  const identity = await authority.hostIdentity("xen1");
  identityOf = identity;
  agent = await testAgent({ config, identity });
  old = new OldController(agent.port, authority.certificate, await authority.issue("urn:convirt:controller"));
});
afterEach(async () => {
  old.close();
  await agent.stop();
});

const sha256 = (data: Buffer | string) => createHash("sha256").update(data).digest();

/** As the first release made it: names, modes, sizes and hashes, and their digest. */
function treeOf(name: string, path: string, text: string): { name: string; digest: string; files: Fields[] } {
  const hash = sha256(text);
  const size = Buffer.byteLength(text);
  const digest = sha256(`0755 ${size} ${hash.toString("hex")} ${path}\n`).toString("hex");
  return { name, digest, files: [{ path, mode: 0o755, size, sha256: hash }] };
}

/** Offers a tree and brings what the agent asks for. */
async function stage(name: string, script: string): Promise<{ name: string; digest: string; bytes: number }> {
  const tree = treeOf(name, "provision.sh", script);
  const { digest } = tree;
  expect(await old.ask("StagingService", "Offer", { name, digest })).toMatchObject({ answer: "tree_needed" });
  const offered = await old.ask("StagingService", "Offer", { name, digest, tree });
  expect(offered).toMatchObject({ answer: "files_needed", files_needed: { files: [0] } });
  const chunks = { tree_digest: digest, name, file: 0, chunk_hashes: sha256(script) };
  expect((await old.ask("StagingService", "OfferChunks", chunks))["needed"]).toEqual([{ first: 0, last: 0 }]);
  await old.send([{ tree_digest: digest, name, file: 0, chunk: 0, data: Buffer.from(script) }]);
  await old.ask("StagingService", "Commit", { name, tree_digest: digest });
  expect(await old.ask("StagingService", "Offer", { name, digest })).toMatchObject({ answer: "staged" });
  return { name, digest, bytes: Buffer.byteLength(script) };
}

/** Of a VM that has one disk, which the script makes, and a configuration beside it. */
function specOf(image: string, vm: string, trees: Fields[]): Fields {
  const disks = join(folder.path, "disks");
  return {
    ...{ job_id: randomUUID(), vm_name: vm, vm_uuid: randomUUID(), image, trees },
    image_conf: `VM_CONF_DIR='${disks}'\nxvda_disk_create='yes'\n`,
    vm_conf: `name='${vm}'\nmemory=32\ntype='pvh'\nkernel='/bin/sh'\ndisk=['file:${disks}/${vm}.img,xvda,w']\n`,
  };
}

async function follow(jobId: unknown): Promise<Fields[]> {
  const events: Fields[] = [];
  const stream = old.stream("ProvisionService", "Follow", { job_id: jobId, after_sequence: 0, log_offset: 0 });
  for await (const event of stream) events.push(event);
  return events;
}

test("the controller of the first release learns of the host, and hears from it", async () => {
  const hello = await old.ask("HostService", "Hello", { controller_version: "0.1.0" });
  expect(hello["features"]).toEqual(
    expect.arrayContaining(["provision.v1", "staging.chunks", "domain.v1", "renewal.v1"]),
  );
  expect(hello["facts"]).toMatchObject({ toolstack: "xl", hostname: "fakehost", memory_mib: "16384" });
  const inventories = old.stream("HostService", "WatchInventory", { interval_ms: 500 });
  for await (const inventory of inventories) {
    expect(inventory).toMatchObject({ domains: [{ name: "Domain-0", state: "DOMAIN_STATE_RUNNING" }] });
    break;
  }
  const { signing_request_pem } = await old.ask("HostService", "BeginRenewal");
  const certificate = await authority.sign(String(signing_request_pem), identityOf.hostId);
  expect(await old.ask("HostService", "CompleteRenewal", { certificate_pem: certificate })).toEqual({});
});

test("the controller of the first release stages, provisions, follows, starts and removes a VM", async () => {
  const trees = [await stage("Plain", `#!/bin/bash\necho disk >'${folder.path}/disks/web.img'\necho hello\n`)];
  const spec: Fields = { ...specOf("Plain", "web", trees), start: true };
  expect(await old.ask("ProvisionService", "Check", { spec })).toMatchObject({ refusals: [], lacking_trees: [] });
  expect(await old.ask("ProvisionService", "Start", { spec })).toEqual({ known: false });
  const events = await follow(spec["job_id"]);
  // Of every event it knows the kind, and their order is the one that it had.
  expect(events.map((event) => event["event"])).toEqual(expect.not.arrayContaining([undefined]));
  const phases = events.flatMap(({ phase_started }) => (phase_started ? [(phase_started as Fields)["phase"]] : []));
  expect(phases).toEqual(["PHASE_CHECK", "PHASE_STAGE", "PHASE_SCRIPT", "PHASE_PROVE", "PHASE_START"]);
  const log = Buffer.concat(
    events.flatMap((event) => (event["log"] ? [(event["log"] as Fields)["data"] as Buffer] : [])),
  );
  const ended = events.at(-1)?.["ended"] as Fields;
  expect(log.toString()).toBe("hello\n");
  expect(ended).toMatchObject({
    ...{ outcome: "OUTCOME_SUCCEEDED", code: "", exit_code: 0, log_bytes: "6", leftovers: [] },
    log_sha256: sha256("hello\n").toString("hex"),
  });
  expect(ended["domain_id"]).toBeGreaterThan(0);
  expect(await old.ask("ProvisionService", "Start", { spec })).toEqual({ known: true });
  expect((await old.ask("ProvisionService", "ListJobs"))["jobs"]).toMatchObject([
    { job_id: spec["job_id"], ended: true },
  ]);

  const vm = { vm_name: "web", vm_uuid: spec["vm_uuid"], vm_config_path: ended["vm_config_path"] };
  // The first release destroyed what ran; an agent of this one wants that said, and refuses with a code.
  await expect(old.ask("DomainService", "Remove", { ...vm, remove_disks: true })).rejects.toMatchObject({
    details: expect.stringMatching(/runs/),
  });
  expect(existsSync(String(ended["vm_config_path"]))).toBe(true);
  await old.ask("DomainService", "Act", { ...vm, action: "ACTION_DESTROY" });
  await old.ask("DomainService", "Remove", { ...vm, remove_disks: true });
  expect(existsSync(String(ended["vm_config_path"]))).toBe(false);
  expect(await old.ask("ProvisionService", "Forget", { job_id: spec["job_id"] })).toEqual({});
});

test("the controller of the first release cancels a job, and reads what it left", async () => {
  const left = join(folder.path, "disks", "slow.img");
  const script = `#!/bin/bash\necho here >'${left}'\nuntil [ -e '${folder.path}/never' ]; do sleep 0.02; done\n`;
  const trees = [await stage("Slow", script)];
  const spec = specOf("Slow", "slow", trees);
  await old.ask("ProvisionService", "Start", { spec });
  await until(() => existsSync(left) || undefined);
  expect(await old.ask("ProvisionService", "Cancel", { job_id: spec["job_id"] })).toEqual({
    outcome: "CANCEL_OUTCOME_ASKED_TO_STOP",
  });
  const ended = (await follow(spec["job_id"])).at(-1)?.["ended"];
  expect(ended).toMatchObject({
    ...{ outcome: "OUTCOME_CANCELLED", code: "cancelled" },
    leftovers: [{ kind: "file", path: left, bytes: "5" }],
  });
});
