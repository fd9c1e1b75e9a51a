// The link to one host: a channel over mutual TLS 1.3 that takes the host's own certificate and no other, and a stream of inventories as the sign of life. It
// mends itself, with pauses that grow to a minute and are never the same twice, and one host's link knows nothing of another's.
import { setTimeout as delay } from "node:timers/promises";
import { DomainServiceClient } from "@convirt/proto/domain";
import { type HelloReply, HostServiceClient, type Inventory } from "@convirt/proto/host";
import { ProvisionServiceClient } from "@convirt/proto/provision";
import { StagingServiceClient } from "@convirt/proto/staging";
import { Metadata } from "@grpc/grpc-js";
import { version } from "../config/version.js";
import { Backoff } from "./backoff.js";
import { channelCredentials, channelOptions } from "./channel.js";
import { controllerFeatures } from "./features.js";
import type { HostAccess } from "./host-access.js";
import { LiveCalls } from "./live-calls.js";
import { unary } from "./unary.js";

export interface AgentConnection {
  hostId: string;
  hostName: string;
  provision: ProvisionServiceClient;
  staging: StagingServiceClient;
  domain: DomainServiceClient;
  host: HostServiceClient;
  /** For a channel of one's own to the same host, as it is trusted at this moment. */
  access: () => HostAccess;
}

export interface LinkRequest {
  hostId: string;
  hostName: string;
  address: string;
  /** Fingerprints of the certificates that are accepted at this moment. */
  fingerprints: () => readonly string[];
  ca: string;
  key: string;
  certificate: string;
  /** It has just enrolled: its agent starts in a moment. */
  expected: boolean;
  onHello: (reply: HelloReply) => Promise<void>;
  onInventory: (inventory: Inventory) => Promise<void>;
  onContact: (inContact: boolean, why: string) => void;
}

const intervalMs = 5_000;
/** Three inventories that did not come. */
const silentMs = 15_000;

export class HostLink {
  readonly #request: LinkRequest;
  readonly #calls = new LiveCalls();
  readonly #stopped = new AbortController();
  readonly #backoff: Backoff;
  #connection: AgentConnection;
  #lost = new AbortController();
  inContact = false;
  /** Fingerprint of the certificate that the host last showed; empty before it did. */
  shown = "";

  constructor(request: LinkRequest) {
    this.#request = request;
    this.#backoff = new Backoff(request.expected ? performance.now() : undefined);
    this.#lost.abort(new Error(`${request.hostName} is not in contact`));
    this.#connection = this.#connect();
    void this.#keep();
  }

  /** The channel as it is now: each contact has its own. */
  get connection(): AgentConnection {
    return this.#connection;
  }

  /** Aborted as soon as contact is lost; already aborted while there is none. */
  get contactLost(): AbortSignal {
    return this.#lost.signal;
  }

  /** Ends the link and everything that runs on it. */
  close(): void {
    this.#stopped.abort(new Error("the link is closed"));
    this.#set(false, "the link is closed");
    this.#hangUp("the link is closed");
  }

  /** Versions, features and facts. */
  hello(): Promise<HelloReply> {
    const request = { controllerVersion: version, features: [...controllerFeatures] };
    return unary((options, done) => this.#connection.host.hello(request, new Metadata(), options, done), silentMs);
  }

  async #keep(): Promise<void> {
    while (!this.#stopped.signal.aborted) {
      try {
        await this.#once();
      } catch (error) {
        const why = error instanceof Error ? error.message : String(error);
        this.#set(false, why);
        if (this.#stopped.signal.aborted) return;
        // A channel whose other end has silently gone may be stuck in a handshake that nobody answers: the next try makes a new one.
        this.#hangUp(why);
        this.#connection = this.#connect();
      }
      await delay(this.#backoff.next(), undefined, { signal: this.#stopped.signal }).catch(() => undefined);
    }
  }

  /** Hello, then inventories until the stream ends or goes silent; never without an error. */
  async #once(): Promise<never> {
    const { onHello, onInventory } = this.#request;
    await onHello(await this.hello());
    const stream = this.#connection.host.watchInventory({ intervalMs });
    let timer: NodeJS.Timeout | undefined;
    let since: number | undefined;
    const alive = () => {
      clearTimeout(timer);
      timer = setTimeout(() => stream.destroy(new Error(`nothing was heard for ${silentMs / 1000} s`)), silentMs);
      timer.unref();
    };
    const stop = () => stream.cancel();
    this.#stopped.signal.addEventListener("abort", stop, { once: true });
    alive();
    try {
      for await (const inventory of stream as AsyncIterable<Inventory>) {
        alive();
        await onInventory(inventory);
        since ??= performance.now();
        if (!this.#stopped.signal.aborted) this.#set(true, "");
      }
      throw new Error("the host ended the stream");
    } finally {
      clearTimeout(timer);
      this.#backoff.held(since === undefined ? 0 : performance.now() - since);
      this.#stopped.signal.removeEventListener("abort", stop);
      stream.cancel();
    }
  }

  #connect(): AgentConnection {
    return connect(this.#request, this.#calls, (fingerprint) => {
      this.shown = fingerprint;
    });
  }

  #hangUp(why: string): void {
    const { provision, staging, domain, host } = this.#connection;
    for (const client of [provision, staging, domain, host]) client.close();
    this.#calls.end(why);
  }

  #set(inContact: boolean, why: string): void {
    if (inContact === this.inContact) return;
    this.inContact = inContact;
    if (inContact) this.#lost = new AbortController();
    else this.#lost.abort(new Error(`contact with ${this.#request.hostName} was lost: ${why}`));
    this.#request.onContact(inContact, why);
  }
}

function connect(request: LinkRequest, calls: LiveCalls, onShown: (fingerprint: string) => void): AgentConnection {
  const identity = channelCredentials(request, request.fingerprints, onShown);
  const options = { ...channelOptions(request.hostId), interceptors: [calls.interceptor] };
  const host = new HostServiceClient(request.address, identity, options);
  // One channel for all four services.
  const shared = { ...options, channelOverride: host.getChannel() };
  return {
    hostId: request.hostId,
    hostName: request.hostName,
    host,
    provision: new ProvisionServiceClient(request.address, identity, shared),
    staging: new StagingServiceClient(request.address, identity, shared),
    domain: new DomainServiceClient(request.address, identity, shared),
    access: () => {
      const { hostId, hostName, address, ca, key, certificate, fingerprints } = request;
      return { hostId, hostName, address, ca, key, certificate, fingerprints: [...fingerprints()] };
    },
  };
}
