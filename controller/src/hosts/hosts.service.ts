// Hosts as records, beside what they last reported: list, show, drain, remove. Trust ends with the record.
import { type Grant, sees } from "@convirt/contract/access";
import type { HostFactsView, HostView, hostQuery, StagedTree } from "@convirt/contract/host";
import { Injectable, Logger } from "@nestjs/common";
import { DataSource, type EntityManager } from "typeorm";
import type { z } from "zod";
import { AgentsService } from "../agents/agents.service.js";
import { StagingService } from "../agents/staging.service.js";
import { holds, pageOf, sortBy } from "../database/paging.js";
import { inTransaction } from "../database/write-queue.js";
import { EnrolmentService } from "../enrolment/enrolment.service.js";
import type { InvitationEntity } from "../enrolment/invitation.entity.js";
import { Refusal } from "../errors/refusal.js";
import { EventsService } from "../events/events.service.js";
import { InventoryService } from "../inventory/inventory.service.js";
import { HostEntity } from "./host.entity.js";

/** What every image's script may use; whoever sees the host sees that they are there. */
const sharedTrees: ReadonlySet<string> = new Set(["common", "custom_scripts"]);

type Page<T> = { items: T[]; total: number; page: number; perPage: number };

@Injectable()
export class HostsService {
  private readonly log = new Logger("hosts");

  constructor(
    private readonly dataSource: DataSource,
    private readonly agents: AgentsService,
    private readonly staging: StagingService,
    private readonly inventory: InventoryService,
    private readonly enrolment: EnrolmentService,
    private readonly events: EventsService,
  ) {}

  /** Throws Refusal not_found. */
  async byName(name: string): Promise<HostEntity> {
    const host = await this.dataSource.manager.findOneBy(HostEntity, { name });
    if (host === null)
      throw new Refusal("not_found", `There is no host "${name.slice(0, 64)}"; see: convirt host list`);
    return host;
  }

  /** Those that the reader sees. */
  async list(query: z.output<typeof hostQuery>, reader: { grants: readonly Grant[] }): Promise<Page<HostView>> {
    const [hosts, invited] = await Promise.all([this.dataSource.manager.find(HostEntity), this.enrolment.open()]);
    const names = new Set(hosts.map((host) => host.name));
    const all = [
      ...hosts.map((host) => this.view(host)),
      ...invited.filter((one) => !names.has(one.host)).map(invitedView),
    ];
    const wanted = all.filter(
      (host) =>
        sees(reader, "host", host.name) &&
        (query.contact === undefined || host.contact === query.contact) &&
        holds(host.name, query.name),
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
    const invitation = (await this.enrolment.open()).find((one) => one.host === name);
    const host = await this.dataSource.manager.findOneBy(HostEntity, { name });
    if (host === null && invitation !== undefined) return invitedView(invitation);
    return this.view(await this.byName(name));
  }

  /** What is staged there now, of the images that the reader sees. Throws Refusal host_not_in_contact. */
  async staged(name: string, reader: { grants: readonly Grant[] }): Promise<StagedTree[]> {
    const host = await this.byName(name);
    const trees = await this.staging.staged(host.id);
    return trees
      .filter((tree) => sharedTrees.has(tree.name) || sees(reader, "image", tree.name))
      .map((tree) => ({
        name: tree.name,
        version: tree.digest,
        bytes: Number(tree.bytes),
        stagedAt: tree.stagedAt,
        lastUsedAt: tree.lastUsedAt === "" ? null : tree.lastUsedAt,
      }))
      .sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /**
   * Takes an image that the asker sees off the host; the bytes that it freed. Throws Refusal not_found, image_in_use while a job under way or a VM's
   * configuration needs its files there, host_not_in_contact, agent_too_old.
   */
  async unstage(name: string, image: string, by: { username: string; grants: readonly Grant[] }): Promise<number> {
    const host = await this.byName(name);
    if (!sharedTrees.has(image) && !sees(by, "image", image))
      throw new Refusal("not_found", `There is no image "${image.slice(0, 64)}" staged on ${name}`);
    await refuseNamed(this.dataSource.manager, host, image);
    const bytes = await this.staging.remove(host.id, image);
    this.events.changed("hosts", name);
    this.log.log({ msg: "staged image removed", host: name, image, bytes, by: by.username });
    return bytes;
  }

  async drain(name: string, draining: boolean, by: string): Promise<HostView> {
    const host = await this.byName(name);
    await inTransaction(this.dataSource, (tx) => tx.update(HostEntity, { id: host.id }, { draining }));
    this.events.changed("hosts", name);
    this.log.log({ msg: draining ? "host drained" : "host takes jobs again", host: name, by });
    return this.view({ ...host, draining });
  }

  /** Ends the trust in a host at once. Throws Refusal host_in_use while VMs or jobs of it are recorded, unless forced. */
  async remove(name: string, force: boolean, by: string): Promise<void> {
    const host = await this.dataSource.manager.findOneBy(HostEntity, { name });
    if (host === null) {
      if (await this.enrolment.withdraw(name)) {
        this.events.changed("hosts", name);
        return;
      }
      throw new Refusal("not_found", `There is no host "${name.slice(0, 64)}"; see: convirt host list`);
    }
    await inTransaction(this.dataSource, async (tx) => {
      if (!force) await refuseInUse(tx, host);
      await tx.delete(HostEntity, { id: host.id });
    });
    this.agents.drop(host.id);
    this.inventory.forget(host.id);
    await this.enrolment.withdraw(name);
    this.events.changed("hosts", name);
    this.log.warn({ msg: "host removed", host: name, by, force });
  }

  private view(host: HostEntity): HostView {
    const report = this.inventory.domainsOf(host.id);
    const saw = this.inventory.sawAt(host.id);
    const seen = saw === undefined ? undefined : report;
    const lastContactAt = report?.seenAt.toISOString() ?? host.lastContactAt;
    const { contact, since } = this.agents.contactOf(host.id);
    const facts = factsOf(host);
    return {
      name: host.name,
      id: host.id,
      address: host.address,
      contact: contact === "in_contact" ? "in_contact" : "silent",
      draining: host.draining,
      lastContactAt,
      lastContactAgeS: this.inventory.ageS(host.id) ?? ageS(lastContactAt),
      silentSince: contact === "in_contact" ? null : (since ?? lastContactAt),
      enrolledAt: host.enrolledAt,
      certificateNotAfter: host.certificateNotAfter,
      facts,
      factsAt: host.factsAt,
      factsAgeS: ageS(host.factsAt),
      freeMemoryMib: seen?.freeMemoryMib ?? null,
      storeFreeBytes: report?.storeFreeBytes ?? null,
      // dom0 is the host itself.
      domainsSeenAt: saw?.at.toISOString() ?? null,
      domainsSeenAgeS: this.inventory.sawAgeS(host.id),
      domains: seen === undefined ? null : seen.domains.filter((domain) => domain.id !== 0).length,
      runningJobs: report?.runningJobs ?? null,
      toolstackError: report === undefined || report.toolstackError === "" ? null : report.toolstackError,
    };
  }
}

function factsOf(host: HostEntity): HostFactsView | null {
  return host.facts === null ? null : (JSON.parse(host.facts) as { view: HostFactsView }).view;
}

function ageS(at: string | null): number | null {
  return at === null ? null : Math.max(0, Math.round((Date.now() - Date.parse(at)) / 1000));
}

/** By the tables' names: hosts know nothing of VMs and jobs but that they may belong to one. */
async function refuseInUse(tx: EntityManager, host: HostEntity): Promise<void> {
  const count = (table: string, open: string) =>
    tx.createQueryBuilder().from(table, "one").select("one.id").where(`one.host_id = :id ${open}`, { id: host.id });
  const vms = (await count("vms", "").getRawMany()).length;
  const jobs = (await count("jobs", "AND one.ended_at IS NULL").getRawMany()).length;
  if (vms + jobs > 0)
    throw new Refusal(
      "host_in_use",
      `Cannot remove host "${host.name}": ${vms} VMs and ${jobs} jobs under way are recorded for it. Remove them first, or force`,
      { details: { vms, jobs } },
    );
}

/** A VM may boot a kernel, or have a disk, that lies among the image's files: without them it would not start again. */
async function refuseNamed(manager: EntityManager, host: HostEntity, image: string): Promise<void> {
  const store = factsOf(host)?.imageStore;
  if (store === undefined) return;
  const vms: { name: string; config: string }[] = await manager
    .createQueryBuilder()
    .from("vms", "one")
    .select("one.name", "name")
    .addSelect("one.vm_config", "config")
    .where("one.host_id = :id", { id: host.id })
    .orderBy("one.name")
    .getRawMany();
  const names = vms.filter(({ config }) => config.includes(`${store}/${image}/`)).map(({ name }) => name);
  const [first] = names;
  if (first !== undefined)
    throw new Refusal(
      "image_in_use",
      `Cannot remove image "${image}" from ${host.name}: ${names.length} of its VMs use files of it there, "${first}" among them. Remove them first`,
      { details: { vms: names.slice(0, 100) } },
    );
}

function invitedView(invitation: InvitationEntity): HostView {
  const nothing = {
    address: null,
    lastContactAt: null,
    lastContactAgeS: null,
    silentSince: null,
    enrolledAt: null,
    certificateNotAfter: null,
    facts: null,
    factsAt: null,
    factsAgeS: null,
  };
  const unknown = {
    ...{ freeMemoryMib: null, storeFreeBytes: null, domains: null, domainsSeenAt: null, domainsSeenAgeS: null },
    ...{ runningJobs: null, toolstackError: null },
  };
  return { name: invitation.host, id: "", contact: "invited", draining: false, ...nothing, ...unknown };
}
