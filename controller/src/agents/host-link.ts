// The link to one host: a channel over mutual TLS 1.3 that takes the host's own certificate and no other, and a stream of inventories as the sign of life. It
// mends itself, with pauses that grow to a minute and are never the same twice, and one host's link knows nothing of another's.
import { setTimeout as delay } from "node:timers/promises";
import { DomainServiceClient } from "@convirt/proto/domain";
import { type HelloReply, HostServiceClient, type Inventory } from "@convirt/proto/host";
import { ProvisionServiceClient } from "@convirt/proto/provision";
import { StagingServiceClient } from "@convirt/proto/staging";
import { Metadata } from "@grpc/grpc-js";
import { channelCredentials, channelOptions, type HostAccess } from "./channel.js";
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
  version: string;
  onHello: (reply: HelloReply) => Promise<void>;
  onInventory: (inventory: Inventory) => Promise<void>;
  onContact: (inContact: boolean, why: string) => void;
}

const intervalMs = 5_000;
/** Three inventories that did not come. */
const silentMs = 15_000;
const firstPauseMs = 300;
const longestPauseMs = 60_000;

export class HostLink {
  readonly connection: AgentConnection;
  readonly #request: LinkRequest;
  readonly #calls = new LiveCalls();
  readonly #stopped = new AbortController();
  #lost = new AbortController();
  inContact = false;
  /** Fingerprint of the certificate that the host last showed; empty before it did. */
  shown = "";

  constructor(request: LinkRequest) {
    this.#request = request;
    this.#lost.abort(new Error(`${request.hostName} is not in contact`));
    this.connection = connect(request, this.#calls, (fingerprint) => {
      this.shown = fingerprint;
    });
    void this.#keep();
  }

  /** Aborted as soon as contact is lost; already aborted while there is none. */
  get contactLost(): AbortSignal {
    return this.#lost.signal;
  }

  /** Ends the link and everything that runs on it. */
  close(): void {
    this.#stopped.abort(new Error("the link is closed"));
    this.#set(false, "the link is closed");
    const { provision, staging, domain, host } = this.connection;
    for (const client of [provision, staging, domain, host]) client.close();
    this.#calls.end("the link is closed");
  }

  async #keep(): Promise<void> {
    let pauseMs = firstPauseMs;
    while (!this.#stopped.signal.aborted) {
      const began = Date.now();
      try {
        await this.#once();
      } catch (error) {
        this.#set(false, error instanceof Error ? error.message : String(error));
      }
      if (Date.now() - began > longestPauseMs) pauseMs = firstPauseMs;
      // Full jitter: hosts that lost us together do not come back together.
      await delay(Math.max(100, Math.random() * pauseMs), undefined, { signal: this.#stopped.signal }).catch(
        () => undefined,
      );
      pauseMs = Math.min(longestPauseMs, pauseMs * 2);
    }
  }

  /** Hello, then inventories until the stream ends or goes silent. */
  async #once(): Promise<void> {
    const { version, onHello, onInventory } = this.#request;
    const hello = await unary<HelloReply>(
      (options, done) =>
        this.connection.host.hello({ controllerVersion: version, features: [] }, new Metadata(), options, done),
      silentMs,
    );
    await onHello(hello);
    const stream = this.connection.host.watchInventory({ intervalMs });
    let timer: NodeJS.Timeout | undefined;
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
        if (!this.#stopped.signal.aborted) this.#set(true, "");
      }
      throw new Error("the host ended the stream");
    } finally {
      clearTimeout(timer);
      this.#stopped.signal.removeEventListener("abort", stop);
      stream.cancel();
    }
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
