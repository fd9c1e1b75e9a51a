// The links to all hosts, by host id. Who wants something of a host asks here for its connection, and is told when contact is lost or regained.
import type { HostView } from "@convirt/image-format/evaluate";
import type { HelloReply, HostFacts, Inventory } from "@convirt/proto/host";
import { Injectable, Logger, type OnApplicationBootstrap, type OnApplicationShutdown } from "@nestjs/common";
import { DataSource } from "typeorm";
import { Authority, type KeyPair } from "../config/authority.js";
import { now } from "../database/columns.js";
import { inTransaction, inUnsyncedTransaction } from "../database/write-queue.js";
import { Refusal } from "../errors/refusal.js";
import { EventsService } from "../events/events.service.js";
import { HostEntity } from "../hosts/host.entity.js";
import { InventoryService } from "../inventory/inventory.service.js";
import { controllerFeatures } from "./features.js";
import { type AgentConnection, HostLink } from "./host-link.js";
import { readFacts, storeFacts, toReport } from "./host-report.js";

export type { AgentConnection };

type ContactListener = (hostId: string, inContact: boolean) => void;

/** `since` is when a silent host was last heard of; null otherwise. */
export interface Contact {
  contact: "in_contact" | "silent" | "removed";
  since: string | null;
}

interface Known {
  link: HostLink;
  fingerprints: string[];
  facts: HostFacts | undefined;
  features: readonly string[];
  factsDigest: string;
  /** When the host's certificate ends, as the host itself said; empty before it did. */
  notAfter: string;
  silentSince: string;
}

@Injectable()
export class AgentsService implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly log = new Logger("agents");
  private readonly known = new Map<string, Known>();
  private readonly listeners = new Set<ContactListener>();
  private identity: KeyPair | undefined;
  /** How often contact was regained, and lost, since the start; of all hosts. */
  readonly contacts = { regained: 0, lost: 0 };
  /** What this controller can with agents. */
  readonly features = controllerFeatures;

  constructor(
    private readonly dataSource: DataSource,
    private readonly inventory: InventoryService,
    private readonly authority: Authority,
    private readonly events: EventsService,
  ) {}

  async onApplicationBootstrap(): Promise<void> {
    this.identity = await this.authority.client();
    for (const host of await this.dataSource.manager.find(HostEntity)) this.add(host);
  }

  onApplicationShutdown(): void {
    for (const { link } of this.known.values()) link.close();
  }

  /** Begins to keep a link; an earlier one of the same host is closed. One that has `just` enrolled is called often at first. */
  add(host: HostEntity, just?: "enrolled"): void {
    this.known.get(host.id)?.link.close();
    this.known.delete(host.id);
    const identity = this.identity;
    if (identity === undefined) return;
    const known: Known = {
      fingerprints: host.fingerprint.split(","),
      ...readFacts(host.facts),
      factsDigest: "",
      notAfter: "",
      silentSince: this.inventory.domainsOf(host.id)?.seenAt.toISOString() ?? host.lastContactAt ?? host.enrolledAt,
      link: new HostLink({
        hostId: host.id,
        hostName: host.name,
        address: host.address,
        fingerprints: () => known.fingerprints,
        ca: this.authority.certificate,
        key: identity.key,
        certificate: identity.certificate,
        expected: just === "enrolled",
        onHello: (reply) => this.hello(host.id, reply),
        onInventory: (inventory) => this.report(host.id, inventory),
        onContact: (inContact, why) => this.contact(host, inContact, why),
      }),
    };
    this.known.set(host.id, known);
  }

  /** Ends all trust in a host at once: its link and every stream on it. */
  drop(hostId: string): void {
    this.known.get(hostId)?.link.close();
    this.known.delete(hostId);
    // Also of a host that was silent: whoever waits for it waits in vain.
    for (const listener of this.listeners) listener(hostId, false);
  }

  /** Throws Refusal host_not_in_contact. */
  connection(hostId: string): AgentConnection {
    const link = this.known.get(hostId)?.link;
    if (link?.inContact === true) return link.connection;
    const name = link?.connection.hostName ?? hostId;
    throw new Refusal(
      "host_not_in_contact",
      `${name} is not in contact: is its agent running, and does the network let the controller through? See: convirt host show ${name}`,
    );
  }

  inContact(hostId: string): boolean {
    return this.known.get(hostId)?.link.inContact ?? false;
  }

  contactOf(hostId: string): Contact {
    const known = this.known.get(hostId);
    if (known === undefined) return { contact: "removed", since: null };
    return known.link.inContact
      ? { contact: "in_contact", since: null }
      : { contact: "silent", since: known.silentSince };
  }

  /** True when the host's agent names the feature; what it last said counts while it is silent. */
  has(hostId: string, feature: string): boolean {
    return this.known.get(hostId)?.features.includes(feature) ?? false;
  }

  countInContact(): number {
    return [...this.known.values()].filter(({ link }) => link.inContact).length;
  }

  /** Aborted when contact is lost; already aborted while there is none. */
  contactLost(hostId: string): AbortSignal {
    return this.known.get(hostId)?.link.contactLost ?? AbortSignal.abort(new Error("the host is not known"));
  }

  /** Resolves when the host is in contact, or when it is not known (any more): who waits looks again. */
  async untilContact(hostId: string, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (this.inContact(hostId)) return;
    await new Promise<void>((resolve, reject) => {
      const gone = () => {
        stop();
        reject(signal.reason as Error);
      };
      const stop = this.onContact((id, inContact) => {
        if (id !== hostId || (!inContact && this.known.has(hostId))) return;
        stop();
        signal.removeEventListener("abort", gone);
        resolve();
      });
      signal.addEventListener("abort", gone, { once: true });
    });
  }

  onContact(listener: ContactListener): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** The facts that the host last told. Throws Refusal host_not_in_contact when it never did. */
  facts(hostId: string): HostFacts {
    const facts = this.known.get(hostId)?.facts;
    if (facts === undefined) throw new Refusal("host_not_in_contact", "The host has not told its facts yet");
    return facts;
  }

  /** What an image may ask of the host that it is rendered for. */
  hostViewFor(hostId: string): HostView {
    const { machine, hostname, sysname, release, version: kernel, existingPaths } = this.facts(hostId);
    return { machine, nodename: hostname, sysname, release, version: kernel, existingPaths: new Set(existingPaths) };
  }

  /** Host ids whose certificate ends within `leftMs`, of those in contact. */
  endingWithin(leftMs: number): string[] {
    const until = Date.now() + leftMs;
    return [...this.known]
      .filter(([, { link, notAfter }]) => link.inContact && notAfter !== "" && Date.parse(notAfter) < until)
      .map(([hostId]) => hostId);
  }

  /** Fingerprint of the certificate that the host showed on the link as it is now; empty when there is none. */
  shownBy(hostId: string): string {
    return this.known.get(hostId)?.link.shown ?? "";
  }

  /** From now on these certificates of the host are accepted, and no others; two at most. */
  async trust(hostId: string, fingerprints: readonly string[], notAfter?: string): Promise<void> {
    const stored = {
      fingerprint: fingerprints.join(","),
      ...(notAfter === undefined ? {} : { certificateNotAfter: notAfter }),
    };
    await inTransaction(this.dataSource, (tx) => tx.update(HostEntity, { id: hostId }, stored));
    const known = this.known.get(hostId);
    if (known === undefined) return;
    known.fingerprints = [...fingerprints];
    known.notAfter = notAfter ?? known.notAfter;
  }

  /** Calls all hosts anew if the controller's own certificate has been renewed. */
  async refreshIdentity(): Promise<void> {
    const fresh = await this.authority.client();
    if (fresh.certificate === this.identity?.certificate) return;
    this.identity = fresh;
    this.log.log({ msg: "the controller calls its hosts with a new certificate" });
    for (const host of await this.dataSource.manager.find(HostEntity)) this.add(host);
  }

  private async hello(hostId: string, reply: HelloReply): Promise<void> {
    const known = this.known.get(hostId);
    const { facts } = reply;
    if (known === undefined || facts === undefined) return;
    Object.assign(known, { facts, features: reply.features, notAfter: reply.certificateNotAfter });
    const stored = { facts: storeFacts({ ...reply, facts }), factsAt: now() };
    await this.keep(hostId, "facts", () =>
      inUnsyncedTransaction(this.dataSource, (tx) => tx.update(HostEntity, { id: hostId }, stored)),
    );
  }

  private async report(hostId: string, inventory: Inventory): Promise<void> {
    const known = this.known.get(hostId);
    if (known === undefined) return;
    if (known.factsDigest !== "" && known.factsDigest !== inventory.factsDigest)
      await this.hello(hostId, await known.link.hello());
    known.factsDigest = inventory.factsDigest;
    const seenAt = new Date();
    const changed = await this.keep(hostId, "inventory", () =>
      this.inventory.take(hostId, { ...toReport(inventory), seenAt }),
    );
    const { hostName } = known.link.connection;
    this.events.heard(hostName, { at: seenAt, saw: this.inventory.sawAt(hostId)?.at });
    if (changed !== true) return;
    this.events.changed("vms", hostName);
    this.events.changed("hosts", hostName);
  }

  /** A database that cannot be written to is no reason to lose contact: what was reported is in memory, and the next report is written again. */
  private async keep<T>(hostId: string, what: string, write: () => Promise<T>): Promise<T | undefined> {
    try {
      return await write();
    } catch (error) {
      this.log.error({ msg: `cannot store the ${what} of a host`, hostId, err: error });
      return undefined;
    }
  }

  private contact(host: HostEntity, inContact: boolean, why: string): void {
    this.events.changed("hosts", host.name);
    if (inContact) {
      this.contacts.regained += 1;
      this.log.log({ msg: "in contact", host: host.name });
    } else {
      this.contacts.lost += 1;
      const known = this.known.get(host.id);
      if (known !== undefined) known.silentSince = this.inventory.domainsOf(host.id)?.seenAt.toISOString() ?? now();
      this.log.warn({ msg: "contact lost", host: host.name, why });
    }
    for (const listener of this.listeners) listener(host.id, inContact);
  }
}
