// Hosts as records: list, drain, remove; invitations, and how a host enters by one.
import { createHash, randomBytes, randomUUID } from "node:crypto";
import type { EnrolmentReply, HostFactsView, HostView, hostQuery } from "@convirt/contract/host";
import { Inject, Injectable, Logger } from "@nestjs/common";
import { RateLimiterMemory } from "rate-limiter-flexible";
import { DataSource } from "typeorm";
import type { z } from "zod";
import { AgentsService } from "../agents/agents.service.js";
import { Authority } from "../config/authority.js";
import { CONFIG, type Config } from "../config/config.js";
import { now } from "../database/columns.js";
import { pageOf, sortBy } from "../database/paging.js";
import { inTransaction } from "../database/write-queue.js";
import { Refusal } from "../errors/refusal.js";
import { InventoryService } from "../inventory/inventory.service.js";
import { HostEntity, InvitationEntity } from "./host.entity.js";

type Page<T> = { items: T[]; total: number; page: number; perPage: number };

@Injectable()
export class HostsService {
  private readonly log = new Logger("hosts");
  private readonly enrolments = new RateLimiterMemory({ points: 30, duration: 60 });
  /** The port of HTTPS, once it is known. */
  private httpsPort = 0;

  constructor(
    private readonly dataSource: DataSource,
    private readonly agents: AgentsService,
    private readonly inventory: InventoryService,
    private readonly authority: Authority,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  /** Told by main once the listener is there: an invitation names it. */
  listensOn(httpsPort: number): void {
    this.httpsPort = httpsPort;
  }

  /** Throws Refusal not_found. */
  async byName(name: string): Promise<HostEntity> {
    const host = await this.dataSource.manager.findOneBy(HostEntity, { name });
    if (host === null)
      throw new Refusal("not_found", `There is no host "${name.slice(0, 64)}"; see: convirt host list`);
    return host;
  }

  async list(query: z.output<typeof hostQuery>): Promise<Page<HostView>> {
    const [hosts, invited] = await Promise.all([this.dataSource.manager.find(HostEntity), this.invited()]);
    const names = new Set(hosts.map((host) => host.name));
    const all = [
      ...hosts.map((host) => this.view(host)),
      ...invited.filter((one) => !names.has(one.host)).map(invitedView),
    ];
    const wanted = all.filter(
      (host) =>
        (query.contact === undefined || host.contact === query.contact) &&
        (query.name === undefined || host.name.includes(query.name)),
    );
    return pageOf(
      sortBy(wanted, query.sort ?? "name", [
        "name",
        "contact",
        "lastContactAt",
        "enrolledAt",
        "freeMemoryMib",
        "domains",
      ]),
      query,
    );
  }

  async show(name: string): Promise<HostView> {
    const invitation = (await this.invited()).find((one) => one.host === name);
    const host = await this.dataSource.manager.findOneBy(HostEntity, { name });
    if (host === null && invitation !== undefined) return invitedView(invitation);
    return this.view(await this.byName(name));
  }

  /** The one string by which a host enters. */
  async invite(
    host: string,
    ttlSeconds: number,
    by: string,
  ): Promise<{ host: string; invitation: string; expiresAt: string }> {
    const secret = randomBytes(32).toString("base64url");
    const expiresAt = new Date(Date.now() + ttlSeconds * 1000).toISOString();
    await inTransaction(this.dataSource, async (tx) => {
      // A new invitation takes the place of an older one for the same host.
      await tx.delete(InvitationEntity, { host });
      await tx.insert(InvitationEntity, {
        secretHash: digest(secret),
        host,
        createdAt: now(),
        expiresAt,
        createdBy: by,
      });
    });
    this.log.log({ msg: "host invited", host, by, expiresAt });
    const { advertise } = this.config;
    const controller = `https://${/:\d+$/.test(advertise) ? advertise : `${advertise}:${this.httpsPort}`}`;
    const text = JSON.stringify({ v: 1, controllers: [controller], ca: this.authority.keyDigest, host, secret });
    return { host, invitation: `convirt1.${Buffer.from(text).toString("base64url")}`, expiresAt };
  }

  /** Lets a host in: the invitation is used up in the transaction that stores the certificate's fingerprint. */
  async enrol(
    request: { host: string; secret: string; signingRequest: string; address: string },
    from: string,
  ): Promise<EnrolmentReply> {
    await this.enrolments.consume(from).catch(() => {
      throw new Refusal("too_many_attempts", "Too many attempts to enrol: try again in a minute", { retryAfterS: 60 });
    });
    const secretHash = digest(request.secret);
    const existing = await this.dataSource.manager.findOneBy(HostEntity, { name: request.host });
    const hostId = existing?.id ?? randomUUID();
    // Looked at before signing, so that nobody without an invitation makes us sign; and again within the transaction, where it counts.
    this.good(await this.dataSource.manager.findOneBy(InvitationEntity, { secretHash }), request.host);
    const signed = await this.authority.signHost(request.signingRequest, hostId);
    const host = await inTransaction(this.dataSource, async (tx) => {
      this.good(await tx.findOneBy(InvitationEntity, { secretHash }), request.host);
      await tx.delete(InvitationEntity, { secretHash });
      return tx.save(HostEntity, {
        id: hostId,
        name: request.host,
        address: request.address,
        fingerprint: signed.fingerprint,
        draining: existing?.draining ?? false,
        enrolledAt: now(),
        certificateNotAfter: signed.notAfter,
        lastContactAt: existing?.lastContactAt ?? null,
        facts: existing?.facts ?? null,
        factsAt: existing?.factsAt ?? null,
        inventory: existing?.inventory ?? null,
      });
    });
    this.log.log({ msg: "host enrolled", host: host.name, hostId, address: host.address, from });
    this.agents.add(host);
    return { hostId, certificate: signed.certificate, caCertificate: this.authority.certificate };
  }

  async drain(name: string, draining: boolean, by: string): Promise<HostView> {
    const host = await this.byName(name);
    await inTransaction(this.dataSource, (tx) => tx.update(HostEntity, { id: host.id }, { draining }));
    this.log.log({ msg: draining ? "host drained" : "host takes jobs again", host: name, by });
    return this.view({ ...host, draining });
  }

  /** Ends the trust in a host at once. Refused while VMs or jobs of it are recorded, unless forced. */
  async remove(name: string, force: boolean, by: string): Promise<void> {
    const host = await this.dataSource.manager.findOneBy(HostEntity, { name });
    const invitations = await inTransaction(this.dataSource, (tx) => tx.delete(InvitationEntity, { host: name }));
    if (host === null) {
      if ((invitations.affected ?? 0) > 0) return;
      throw new Refusal("not_found", `There is no host "${name.slice(0, 64)}"; see: convirt host list`);
    }
    if (!force) await this.refuseInUse(host);
    await inTransaction(this.dataSource, (tx) => tx.delete(HostEntity, { id: host.id }));
    this.agents.drop(host.id);
    this.inventory.forget(host.id);
    this.log.warn({ msg: "host removed", host: name, by, force });
  }

  private async refuseInUse(host: HostEntity): Promise<void> {
    // By the tables' names: hosts know nothing of VMs and jobs but that they may belong to one.
    const [{ vms }] = (await this.dataSource.query("SELECT COUNT(*) AS vms FROM vms WHERE host_id = ?", [host.id])) as [
      { vms: number },
    ];
    const [{ jobs }] = (await this.dataSource.query(
      "SELECT COUNT(*) AS jobs FROM jobs WHERE host_id = ? AND ended_at IS NULL",
      [host.id],
    )) as [{ jobs: number }];
    if (vms + jobs > 0)
      throw new Refusal(
        "host_in_use",
        `Cannot remove host "${host.name}": ${vms} VMs and ${jobs} jobs under way are recorded for it. Remove them first, or force`,
      );
  }

  private good(invitation: InvitationEntity | null, host: string): void {
    if (invitation === null || invitation.host !== host) {
      throw new Refusal(
        "invitation_invalid",
        `The invitation is not good for host "${host}": it is unknown, or was used already. Make a new one: convirt host invite ${host}`,
      );
    }
    if (invitation.expiresAt <= now())
      throw new Refusal(
        "invitation_expired",
        `The invitation expired at ${invitation.expiresAt}. Make a new one: convirt host invite ${host}`,
      );
  }

  private async invited(): Promise<InvitationEntity[]> {
    const all = await this.dataSource.manager.find(InvitationEntity);
    return all.filter((one) => one.expiresAt > now());
  }

  private view(host: HostEntity): HostView {
    const report = this.inventory.domainsOf(host.id);
    const lastContactAt = report?.seenAt.toISOString() ?? host.lastContactAt;
    const facts = host.facts === null ? null : (JSON.parse(host.facts) as { view: HostFactsView }).view;
    return {
      name: host.name,
      id: host.id,
      address: host.address,
      contact: this.agents.inContact(host.id) ? "in_contact" : "silent",
      draining: host.draining,
      lastContactAt,
      lastContactAgeS:
        lastContactAt === null ? null : Math.max(0, Math.round((Date.now() - Date.parse(lastContactAt)) / 1000)),
      enrolledAt: host.enrolledAt,
      certificateNotAfter: host.certificateNotAfter,
      facts,
      factsAt: host.factsAt,
      freeMemoryMib: report?.freeMemoryMib ?? null,
      storeFreeBytes: report?.storeFreeBytes ?? null,
      // dom0 is the host itself.
      domains: report === undefined ? null : report.domains.filter((domain) => domain.id !== 0).length,
      runningJobs: report?.runningJobs ?? null,
      toolstackError: report === undefined || report.toolstackError === "" ? null : report.toolstackError,
    };
  }
}

function invitedView(invitation: InvitationEntity): HostView {
  const nothing = {
    address: null,
    lastContactAt: null,
    lastContactAgeS: null,
    enrolledAt: null,
    certificateNotAfter: null,
    facts: null,
    factsAt: null,
  };
  const unknown = { freeMemoryMib: null, storeFreeBytes: null, domains: null, runningJobs: null, toolstackError: null };
  return { name: invitation.host, id: "", contact: "invited", draining: false, ...nothing, ...unknown };
}

function digest(secret: string): string {
  return createHash("sha256").update(secret).digest("hex");
}
