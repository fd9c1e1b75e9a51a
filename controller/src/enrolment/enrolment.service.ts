// How a host enters: an invitation is one string, good once, for one name and for a while. Who brings its secret gets a certificate, and the invitation is used
// up in the very transaction that stores the certificate's fingerprint: neither happens without the other, and a restart between loses nothing.
import { createHash, randomBytes, randomUUID } from "node:crypto";
import type { EnrolmentReply } from "@convirt/contract/host";
import { Inject, Injectable, Logger } from "@nestjs/common";
import { DataSource, type EntityManager, MoreThan } from "typeorm";
import { AgentsService } from "../agents/agents.service.js";
import { Authority } from "../config/authority.js";
import { CONFIG, type Config } from "../config/config.js";
import { now } from "../database/columns.js";
import { inTransaction } from "../database/write-queue.js";
import { Attempts, networkOf } from "../errors/attempts.js";
import { Refusal } from "../errors/refusal.js";
import { EventsService } from "../events/events.service.js";
import { HostEntity } from "../hosts/host.entity.js";
import { InvitationEntity } from "./invitation.entity.js";

/** A name or an address, and a port: nothing that gRPC could take for a scheme of its own, as `unix:` is. */
const address = /^(?:[A-Za-z0-9](?:[A-Za-z0-9.-]{0,252})|\[[0-9A-Fa-f:.]{2,45}\]):([0-9]{1,5})$/;

export interface EnrolRequest {
  host: string;
  secret: string;
  /** PKCS#10, PEM. */
  signingRequest: string;
  /** host:port of the agent. */
  address: string;
}

@Injectable()
export class EnrolmentService {
  private readonly log = new Logger("enrolment");
  private readonly attempts = new Attempts({ what: "to enrol", most: 30, withinS: 60 });
  /** The port of HTTPS, once it is known. */
  private httpsPort = 0;

  constructor(
    private readonly dataSource: DataSource,
    private readonly agents: AgentsService,
    private readonly authority: Authority,
    @Inject(CONFIG) private readonly config: Config,
    private readonly events: EventsService,
  ) {}

  /** Told once the listener is there: an invitation names it. */
  listensOn(httpsPort: number): void {
    this.httpsPort = httpsPort;
  }

  /** Invitations that are still good. */
  open(): Promise<InvitationEntity[]> {
    return this.dataSource.manager.findBy(InvitationEntity, { expiresAt: MoreThan(now()) });
  }

  /** The one string by which a host enters. A new one takes the place of an older one for the same host. */
  async invite(
    host: string,
    ttlSeconds: number,
    by: string,
  ): Promise<{ host: string; invitation: string; expiresAt: string }> {
    const secret = randomBytes(32).toString("base64url");
    const expiresAt = new Date(Date.now() + ttlSeconds * 1000).toISOString();
    await inTransaction(this.dataSource, async (tx) => {
      await tx.delete(InvitationEntity, { host });
      await tx.insert(InvitationEntity, {
        secretHash: digest(secret),
        host,
        createdAt: now(),
        expiresAt,
        createdBy: by,
      });
    });
    this.events.changed("hosts", host);
    this.log.log({ msg: "host invited", host, by, expiresAt });
    const { advertise } = this.config;
    const controller = `https://${/:\d+$/.test(advertise) ? advertise : `${advertise}:${this.httpsPort}`}`;
    const text = JSON.stringify({ v: 1, controllers: [controller], ca: this.authority.keyDigest, host, secret });
    return { host, invitation: `convirt1.${Buffer.from(text).toString("base64url")}`, expiresAt };
  }

  /** False when there was none. */
  async withdraw(host: string): Promise<boolean> {
    const { affected } = await inTransaction(this.dataSource, (tx) => tx.delete(InvitationEntity, { host }));
    return (affected ?? 0) > 0;
  }

  /** Lets a host in, or lets it in again under its old id. Throws Refusal invitation_invalid, invitation_expired, signing_request_invalid, too_many_attempts. */
  async enrol(request: EnrolRequest, from: string): Promise<EnrolmentReply> {
    await this.attempts.count(networkOf(from));
    const port = Number(address.exec(request.address)?.[1] ?? 0);
    if (port < 1 || port > 65_535) {
      const fields = [{ path: "address", message: "must be HOST:PORT" }];
      throw new Refusal("invalid_body", "Cannot enrol: the agent's address must be HOST:PORT", { fields });
    }
    const existing = await this.dataSource.manager.findOneBy(HostEntity, { name: request.host });
    const hostId = existing?.id ?? randomUUID();
    // Looked at before signing, so that nobody without an invitation makes us sign; and again within the transaction, where it counts.
    const secretHash = digest(request.secret);
    await this.good(this.dataSource.manager, secretHash, request.host);
    const signed = await this.authority.signHost(request.signingRequest, hostId);
    const host = await inTransaction(this.dataSource, async (tx) => {
      await this.good(tx, secretHash, request.host);
      await tx.delete(InvitationEntity, { secretHash });
      return tx.save(HostEntity, {
        ...(existing ?? { draining: false, lastContactAt: null, facts: null, factsAt: null, inventory: null }),
        id: hostId,
        name: request.host,
        address: request.address,
        fingerprint: signed.fingerprint,
        enrolledAt: now(),
        certificateNotAfter: signed.notAfter,
      });
    });
    this.log.log({ msg: "host enrolled", host: host.name, hostId, address: host.address, from });
    this.agents.add(host, "enrolled");
    this.events.changed("hosts", host.name);
    return { hostId, certificate: signed.certificate, caCertificate: this.authority.certificate };
  }

  /** What is compared is a hash of the secret: how long that takes tells nothing of the secret. */
  private async good(manager: EntityManager, secretHash: string, host: string): Promise<void> {
    const invitation = await manager.findOneBy(InvitationEntity, { secretHash });
    const again = `Make a new one: convirt host invite ${host}`;
    if (invitation === null || invitation.host !== host)
      throw new Refusal(
        "invitation_invalid",
        `The invitation is not good for host "${host}": it is unknown, or was used already. ${again}`,
      );
    if (invitation.expiresAt <= now())
      throw new Refusal("invitation_expired", `The invitation expired at ${invitation.expiresAt}. ${again}`);
  }
}

function digest(secret: string): string {
  return createHash("sha256").update(secret).digest("hex");
}
