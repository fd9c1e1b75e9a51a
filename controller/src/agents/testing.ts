// An agent for tests: a real gRPC server over mutual TLS, with the certificate that its enrolment gave it. It answers Hello, sends inventories when told to, and
// renews its certificate, and agrees to all that is asked of it.
import type { EnrolmentReply } from "@convirt/contract/host";
import { DomainServiceService } from "@convirt/proto/domain";
import {
  DomainState,
  type HelloReply,
  type HostServiceServer,
  HostServiceService,
  type Inventory,
  type WatchInventoryRequest,
} from "@convirt/proto/host";
import { type ProvisionServiceServer, ProvisionServiceService, type ProvisionSpec } from "@convirt/proto/provision";
import { type StagingServiceServer, StagingServiceService } from "@convirt/proto/staging";
import { Server, ServerCredentials, type ServerWritableStream, status } from "@grpc/grpc-js";
import { makeSigningRequest, post, readInvitation, type SigningRequest } from "../testing-enrolment.js";
import { agreeableServices } from "./testing-services.js";

type Watcher = ServerWritableStream<WatchInventoryRequest, Inventory>;

export class TestAgent {
  readonly #server: Server;
  readonly #watchers = new Set<Watcher>();
  readonly #name: string;
  #identity: { key: string; reply: EnrolmentReply };
  #renewal: SigningRequest | undefined;
  port = 0;
  /** Calls of Hello so far. */
  hellos = 0;
  notAfter = new Date(Date.now() + 90 * 86_400_000).toISOString();
  factsDigest = "1";
  hostname: string;
  features: string[] = [
    ...["staging.chunks", "staging.remove", "provision.clean", "provision.secrets"],
    ...["domain.look", "domain.console"],
  ];
  /** What was sent to be run. */
  readonly started: ProvisionSpec[] = [];
  /** Uuids of the VMs whose configuration is on the host; all that are asked for unless given. */
  configured: string[] | undefined;
  /** What CompleteRenewal does instead, when it is to fail. */
  refuseRenewal: string | undefined;

  private constructor(
    name: string,
    identity: { key: string; reply: EnrolmentReply },
    { provision: more = {}, features, lacks = [] }: Parameters<typeof TestAgent.enrol>[1] & object,
  ) {
    this.features = features ?? this.features;
    this.#name = name;
    this.hostname = name;
    this.#identity = identity;
    this.#server = new Server();
    this.#server.addService(HostServiceService, this.#host());
    const { provision, staging, domain } = agreeableServices(() => this.configured, this.started);
    for (const call of lacks) {
      if (call === "clean") delete provision.clean;
      else delete (domain as Partial<typeof domain>).look;
    }
    this.#server.addService(ProvisionServiceService, { ...provision, ...more } as ProvisionServiceServer);
    this.#server.addService(StagingServiceService, staging as StagingServiceServer);
    this.#server.addService(DomainServiceService, domain);
  }

  /** Enrols by the invitation and serves; `serveAs` is another identity to show than the one it was given. */
  static async enrol(
    invitation: string,
    options: {
      port?: number;
      /** The port to announce, when something stands between. */
      announce?: number;
      provision?: Partial<ProvisionServiceServer>;
      serveAs?: TestAgent;
      features?: string[];
      /** Calls that it does not have. */
      lacks?: readonly ("clean" | "look")[];
    } = {},
  ): Promise<TestAgent> {
    const { controllers, host, secret } = readInvitation(invitation);
    const { key, pem } = await makeSigningRequest(host);
    const port = options.port ?? (await freePort());
    const answer = await post(`${controllers[0]}/api/v1/enrolment`, {
      ...{ host, secret, signingRequest: pem, address: `127.0.0.1:${options.announce ?? port}`, agentVersion: "9.9.9" },
    });
    if (answer.status !== 201) throw new Error(`Cannot enrol: ${JSON.stringify(answer.body)}`);
    const identity =
      options.serveAs === undefined ? { key, reply: answer.body as EnrolmentReply } : options.serveAs.#identity;
    const agent = new TestAgent(host, identity, options);
    await agent.listen(port);
    return agent;
  }

  get hostId(): string {
    return this.#identity.reply.hostId;
  }

  get certificate(): string {
    return this.#identity.reply.certificate;
  }

  get watched(): number {
    return this.#watchers.size;
  }

  async listen(port: number): Promise<void> {
    const { key, reply } = this.#identity;
    const pair = { private_key: Buffer.from(key), cert_chain: Buffer.from(reply.certificate) };
    const credentials = ServerCredentials.createSsl(Buffer.from(reply.caCertificate), [pair], true);
    this.port = await new Promise<number>((resolve, reject) => {
      this.#server.bindAsync(`127.0.0.1:${port}`, credentials, (error, got) => (error ? reject(error) : resolve(got)));
    });
  }

  /** Sends an inventory to whoever watches. */
  report(change: Partial<Inventory> = {}): void {
    for (const watcher of this.#watchers) watcher.write(this.inventory(change));
  }

  /** Ends the streams under way; the port stays. */
  hangUp(): void {
    for (const watcher of this.#watchers) {
      watcher.end();
      watcher.emit("close");
    }
  }

  /** Ends everything at once, as a power cut would. */
  kill(): void {
    this.#server.forceShutdown();
  }

  inventory(change: Partial<Inventory> = {}): Inventory {
    const vm = {
      id: 1,
      name: "web",
      uuid: "u-1",
      state: DomainState.RUNNING,
      memoryMib: 256n,
      vcpus: 1,
      cpuSeconds: 2,
    };
    return {
      ...{ takenAt: new Date().toISOString(), bootId: "boot", freeMemoryMib: 4096n, totalMemoryMib: 8192n },
      ...{ runningJobs: 0, storeFreeBytes: 10n ** 12n, toolstackError: "", factsDigest: this.factsDigest, ageMs: 0n },
      domains: [{ ...vm, id: 0, name: "Domain-0", uuid: "u-0" }, vm],
      ...change,
    };
  }

  #host(): HostServiceServer {
    return {
      hello: (_call, done) => {
        this.hellos += 1;
        done(null, this.#hello());
      },
      watchInventory: (call) => {
        this.#watchers.add(call);
        const beat = setInterval(() => call.write(this.inventory()), call.request.intervalMs);
        const gone = () => {
          clearInterval(beat);
          this.#watchers.delete(call);
        };
        call.once("close", gone).once("cancelled", gone);
        call.write(this.inventory());
      },
      beginRenewal: (_call, done) => {
        makeSigningRequest(this.#name).then((made) => {
          this.#renewal = made;
          done(null, { signingRequestPem: made.pem });
        }, done);
      },
      completeRenewal: ({ request }, done) => {
        if (this.refuseRenewal !== undefined) {
          done({ code: status.INTERNAL, details: this.refuseRenewal });
          return;
        }
        const { caCertificate, hostId } = this.#identity.reply;
        this.#identity = {
          key: this.#renewal?.key ?? "",
          reply: { certificate: request.certificatePem, caCertificate, hostId },
        };
        this.notAfter = new Date(Date.now() + 90 * 86_400_000).toISOString();
        done(null, {});
      },
    };
  }

  #hello(): HelloReply {
    return {
      agentVersion: "9.9.9",
      features: this.features,
      certificateNotAfter: this.notAfter,
      facts: {
        ...{ hostname: this.hostname, sysname: "Linux", release: "6.1", version: "#1", machine: "x86_64" },
        ...{ bootId: "boot", xenVersion: "4.17", toolstack: "xl", virtCaps: "pv hvm", cpus: 4, memoryMib: 8192n },
        ...{ defaultBridge: "xenbr0", bridges: ["xenbr0"], imageStore: "/store", existingPaths: ["/usr/sbin/xl"] },
        ...{ diskRoots: ["/vm"], problems: [] },
      },
    };
  }
}

async function freePort(): Promise<number> {
  const { createServer } = await import("node:net");
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}
