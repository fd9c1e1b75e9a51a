// Everything that is looked at before a job is written: image, host, name, options. Rendering is part of it, so that what is refused late by a
// toolstack is refused here at once. The answer is all that a job needs; nothing is written by it.
import { randomBytes, randomUUID } from "node:crypto";
import { type Grant, may } from "@convirt/contract/access";
import type { ProvisionBody } from "@convirt/contract/job";
import { type Rendered, renderImage } from "@convirt/image-format/render";
import { writeOptions } from "@convirt/image-format/rewrite";
import { hideSecrets } from "@convirt/image-format/secrets";
import { type Options, type OptionValue, Tuple, type Value } from "@convirt/image-format/value";
import { Injectable } from "@nestjs/common";
import { DataSource, type EntityManager } from "typeorm";
import { AgentsService } from "../agents/agents.service.js";
import { VmRecords } from "../domains/vm-records.service.js";
import { Refusal, type RefusalCode } from "../errors/refusal.js";
import { HostsService } from "../hosts/hosts.service.js";
import { ImagesService } from "../images/images.service.js";
import { InventoryService } from "../inventory/inventory.service.js";
import { JobEntity, type StoredOptions, type StoredSpec } from "./job.entity.js";
import {
  declaredSecrets,
  hidden,
  requireLength,
  type Sealed,
  type SecretNames,
  valuesOf,
  withoutSecrets,
} from "./secrets.js";

type StoredImage = Awaited<ReturnType<ImagesService["byName"]>>;
type RenderedImage = Extract<Rendered, { ok: true }>;
type Trees = Awaited<ReturnType<ImagesService["trees"]>>;

export interface Checked {
  /** As it may be stored and shown: without the values of secret options. */
  request: ProvisionBody;
  secretNames: SecretNames | null;
  /** What the host needs besides; undefined when nothing is secret. */
  sealed: Sealed | undefined;
  hostId: string;
  host: string;
  vmUuid: string;
  imageVersion: string;
  spec: StoredSpec;
  options: StoredOptions;
  rendered: RenderedImage;
  templates: { imageConf: string; vmConf: string };
  trees: Trees;
}

@Injectable()
export class RequestCheck {
  private readonly dataSource: DataSource;
  private readonly images: ImagesService;
  private readonly hosts: HostsService;
  private readonly agents: AgentsService;
  private readonly inventory: InventoryService;
  private readonly vms: VmRecords;

  constructor(
    dataSource: DataSource,
    images: ImagesService,
    hosts: HostsService,
    agents: AgentsService,
    inventory: InventoryService,
    vms: VmRecords,
  ) {
    this.dataSource = dataSource;
    this.images = images;
    this.hosts = hosts;
    this.agents = agents;
    this.inventory = inventory;
    this.vms = vms;
  }

  imageOf(name: string): Promise<StoredImage> {
    return this.images.byName(name);
  }

  /** Throws the Refusal of the first thing that does not hold. */
  async check(body: ProvisionBody, by: { grants: readonly Grant[] }): Promise<Checked> {
    const image = await this.images.byName(body.image);
    const declared = declaredSecrets(image);
    const { values } = withoutSecrets(body, declared);
    try {
      requireLength(body, declared);
      return await this.checkImage(image, body, by, declared);
    } catch (error) {
      // A refusal may repeat what it refuses.
      throw error instanceof Refusal ? hiddenIn(error, values) : error;
    }
  }

  private async checkImage(
    image: StoredImage,
    body: ProvisionBody,
    by: { grants: readonly Grant[] },
    declared: SecretNames,
  ): Promise<Checked> {
    requireUsable(image);
    const host = await this.hosts.byName(body.host);
    if (host.draining) throw new Refusal("host_draining", `Cannot provision on ${host.name}: it is draining`);
    this.agents.connection(host.id);
    await this.nameFree(this.dataSource.manager, body.vm, host.id);
    const facts = this.agents.facts(host.id);
    const vmUuid = randomUUID();
    const rendered = renderImage({
      image: body.image,
      location: body.image,
      imageConf: image.imageConf,
      vmConf: image.vmConf,
      vmName: body.vm,
      host: this.agents.hostViewFor(host.id),
      variables: {
        store: facts.imageStore,
        serverName: facts.hostname,
        ...(facts.defaultBridge === "" ? {} : { bridge: facts.defaultBridge }),
      },
      imageValues: body.imageConf,
      vmValues: body.vmConf,
      enforceCustomizable: true,
      allowPrivileged: may(by.grants, "raw_config", { kind: "host", name: host.name }),
      roots: facts.diskRoots,
      toolstack: facts.toolstack === "xm" ? "xm" : "xl",
      nextMac,
      uuid: vmUuid,
    });
    if (!rendered.ok) throw refusalOf(body, rendered);
    const wrong = rendered.diagnostics.find(({ severity }) => severity === "error");
    if (wrong !== undefined) throw new Refusal("option_invalid", `Cannot provision VM "${body.vm}": ${wrong.message}`);
    const trees = await this.images.trees(body.image);
    const { imageConf, vmConf } = { imageConf: rendered.imageConf.substituted, vmConf: rendered.vmConf.substituted };
    const secrets = [...new Set([...valuesOf(imageConf, declared.imageConf), ...valuesOf(vmConf, declared.vmConf)])];
    if (secrets.length > 0 && !this.agents.has(host.id, "provision.secrets"))
      throw new Refusal(
        "agent_too_old",
        `Cannot provision on ${host.name}: image "${body.image}" has secret options, and its agent is of an older release, which could not hide them in a log. Update it`,
      );
    const shown = {
      imageConf: hidden(imageConf, declared.imageConf, secrets),
      vmConf: hidden(vmConf, declared.vmConf, secrets),
    };
    const { body: request, given } = withoutSecrets(body, declared);
    return {
      request,
      secretNames: given.imageConf.length + given.vmConf.length > 0 ? given : null,
      sealed:
        secrets.length === 0
          ? undefined
          : { imageConf: writeOptions(imageConf), vmConf: writeOptions(vmConf), secrets },
      hostId: host.id,
      host: host.name,
      vmUuid,
      imageVersion: trees[0]?.digest ?? "",
      spec: {
        trees: trees.map(({ name, digest, bytes }) => ({ name, digest, bytes })),
        imageConf: writeOptions(shown.imageConf),
        vmConf: writeOptions(shown.vmConf),
        timeoutMs: (body.timeoutSeconds ?? 0) * 1000,
      },
      options: { imageConf: asJson(shown.imageConf), vmConf: asJson(shown.vmConf) },
      rendered,
      templates: { imageConf: image.imageConf, vmConf: image.vmConf },
      trees,
    };
  }

  /** Again within the transaction that takes the name. */
  async nameFree(tx: EntityManager, vm: string, hostId: string): Promise<void> {
    const job = await tx.findOne(JobEntity, { select: { id: true }, where: { vmClaim: vm } });
    if (job !== null) throw taken(vm, `job ${job.id} is making it`);
    if (await this.vms.nameTaken(tx, vm)) throw taken(vm, "there is a VM of that name");
    const report = this.inventory.domainsOf(hostId);
    if (report?.domains.some(({ name }) => name === vm) === true) throw taken(vm, "its host has a domain of that name");
  }
}

/** Throws Refusal image_rejected, image_is_template, image_other_platform. */
function requireUsable(image: StoredImage): void {
  if (!image.accepted)
    throw new Refusal(
      "image_rejected",
      `Cannot provision image "${image.name}": it is rejected, ${image.reason ?? ""}`,
    );
  if (image.name.startsWith("_"))
    throw new Refusal("image_is_template", `Cannot provision image "${image.name}": it is a template`);
  if (image.platform !== "xen")
    throw new Refusal(
      "image_other_platform",
      `Cannot provision image "${image.name}": its platform is ${image.platform}, xen is wanted`,
    );
}

function hiddenIn(refusal: Refusal, secrets: readonly string[]): Refusal {
  if (secrets.length === 0) return refusal;
  const hide = (text: string) => hideSecrets(text, secrets);
  const fields = refusal.more.fields?.map(({ path, message }) => ({ path, message: hide(message) }));
  return new Refusal(refusal.code, hide(refusal.message), {
    ...refusal.more,
    ...(fields === undefined ? {} : { fields }),
  });
}

function taken(vm: string, why: string): Refusal {
  return new Refusal("vm_name_taken", `Cannot provision VM "${vm}": the name is taken, ${why}`);
}

function refusalOf(body: ProvisionBody, rendered: Extract<Rendered, { ok: false }>): Refusal {
  const [first] = rendered.refusals;
  if (first === undefined) {
    const why = rendered.diagnostics[0];
    return new Refusal(
      "image_rejected",
      `Cannot provision image "${body.image}": ${why?.message ?? "it cannot be read"}`,
    );
  }
  const codes: Partial<Record<typeof first.code, RefusalCode>> = {
    not_customizable: "option_not_customizable",
    privileged: "option_privileged",
  };
  const code = codes[first.code] ?? "option_invalid";
  const fields = rendered.refusals.map(({ name, message }) => ({ path: name, message }));
  return new Refusal(code, `Cannot provision VM "${body.vm}": option "${first.name}": ${first.message}`, { fields });
}

/** An address of Xen's own range, 00:16:3e. */
function nextMac(): string {
  const [a = 0, b = 0, c = 0] = randomBytes(3);
  return ["00", "16", "3e", ...[a & 0x7f, b, c].map((byte) => byte.toString(16).padStart(2, "0"))].join(":");
}

function asJson(options: Options): Record<string, unknown> {
  return Object.fromEntries([...options].map(([name, value]) => [name, jsonOf(value)]));
}

/** Whole numbers beyond 2^53 become text, as JSON would lose their last digits. */
function jsonOf(value: OptionValue | Value): unknown {
  if (typeof value === "bigint") return BigInt(Number(value)) === value ? Number(value) : value.toString();
  if (Array.isArray(value)) return value.map(jsonOf);
  if (value instanceof Tuple) return value.items.map(jsonOf);
  if (value instanceof Map) return Object.fromEntries([...value].map(([key, each]) => [String(key), jsonOf(each)]));
  return value;
}
