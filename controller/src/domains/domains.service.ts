// VMs: the record of what was provisioned, and actions on it. What a VM is doing is always its host's last report, shown with its age; nothing
// is acted on by a number that was reported, only by name and uuid.
import type { Grant } from "@convirt/contract/access";
import type { ConsoleLog, removeVmQuery, removeVmReply } from "@convirt/contract/vm";
import { Action } from "@convirt/proto/domain";
import { Injectable, Logger } from "@nestjs/common";
import { InjectRepository } from "@nestjs/typeorm";
import { Repository } from "typeorm";
import type { z } from "zod";
import { AgentsService } from "../agents/agents.service.js";
import { VmsService } from "../agents/vms.service.js";
import { inTransaction } from "../database/write-queue.js";
import { Refusal } from "../errors/refusal.js";
import { EventsService } from "../events/events.service.js";
import { InventoryService } from "../inventory/inventory.service.js";
import { VmEntity } from "./vm.entity.js";
import { VmStates } from "./vm-states.js";

export interface Actor {
  username: string;
  grants: readonly Grant[];
}

/** `commands`: what ran on the host. */
type Removed = z.infer<typeof removeVmReply> & { commands: string[] };
type RemoveOptions = z.infer<typeof removeVmQuery>;
export type VmAction = keyof typeof actions;

const actions = {
  start: Action.START,
  shutdown: Action.SHUTDOWN,
  destroy: Action.DESTROY,
  pause: Action.PAUSE,
  unpause: Action.UNPAUSE,
  reboot: Action.REBOOT,
} as const;

@Injectable()
export class DomainsService {
  private readonly log = new Logger("vms");
  private readonly vms: Repository<VmEntity>;
  private readonly states: VmStates;
  private readonly agents: AgentsService;
  private readonly actor: VmsService;
  private readonly events: EventsService;
  private readonly inventory: InventoryService;

  constructor(
    @InjectRepository(VmEntity) vms: Repository<VmEntity>,
    states: VmStates,
    agents: AgentsService,
    actor: VmsService,
    events: EventsService,
    inventory: InventoryService,
  ) {
    this.vms = vms;
    this.states = states;
    this.agents = agents;
    this.actor = actor;
    this.events = events;
    this.inventory = inventory;
  }

  /** By id, else by name: a VM that is named as another's id never stands in for it. Throws Refusal not_found. */
  async find(idOrName: string): Promise<VmEntity> {
    const vm = (await this.vms.findOneBy({ id: idOrName })) ?? (await this.vms.findOneBy({ name: idOrName }));
    if (vm === null) throw new Refusal("not_found", `There is no VM "${idOrName.slice(0, 80)}"`);
    return vm;
  }

  /** Asks the host; `already` when the VM was as wanted before. */
  async act(
    idOrName: string,
    action: VmAction,
    by: Actor,
  ): Promise<{ already: boolean; vm: VmEntity; commands: string[] }> {
    const vm = await this.find(idOrName);
    this.log.log({ msg: "vm action", action, vm: vm.name, host: vm.host, by: by.username });
    const reply = await this.onHost(vm, action, () => this.actor.act(onHost(vm), actions[action]));
    return { already: reply.already, vm, commands: reply.commands };
  }

  async consoleLog(idOrName: string, most: number): Promise<ConsoleLog> {
    const vm = await this.find(idOrName);
    const reply = await this.onHost(vm, "read the console of", () => this.actor.consoleLog(onHost(vm), most));
    const text = Buffer.from(reply.data).toString("utf8");
    const bytes = Number(reply.size);
    return { text, bytes, cut: bytes > reply.data.length, path: reply.path };
  }

  /**
   * Removes the VM from its host and then its record. Throws Refusal vm_running, or host_not_in_contact; with `force` a running VM is
   * destroyed, and of a host that is away the record alone goes.
   */
  async remove(idOrName: string, options: RemoveOptions, by: Actor): Promise<Removed> {
    const vm = await this.find(idOrName);
    const { state } = this.states.view(vm);
    const audit = { vm: vm.name, host: vm.host, by: by.username, ...options };
    if (!options.force && ["running", "paused", "shutting_down"].includes(state))
      throw new Refusal(
        "vm_running",
        `Cannot remove VM "${vm.name}": it is ${state}; stop it first, or force its removal`,
      );
    this.log.log({ msg: "vm removal", ...audit });
    const reply = await this.removeOnHost(vm, options);
    await inTransaction(this.vms.manager.connection, (tx) => tx.delete(VmEntity, { id: vm.id }));
    this.states.forget(vm.id);
    this.events.changed("vms", vm.host);
    this.log.log({ msg: "vm removed", ...audit });
    return reply;
  }

  private async removeOnHost(vm: VmEntity, options: RemoveOptions): Promise<Removed> {
    try {
      const reply = await this.onHost(vm, "remove", () => this.actor.remove(onHost(vm), options.disks, options.force));
      this.inventory.domainIsGone(vm.hostId, vm);
      return reply;
    } catch (error) {
      if (!options.force || !(error instanceof Refusal) || error.code !== "host_not_in_contact") throw error;
      const kept = [vm.vmConfigPath, ...vm.disks.map((disk) => disk.target)].filter((path) => path !== "");
      return { removed: [`the record of ${vm.name} alone: ${vm.host} is not in contact`], kept, commands: [] };
    }
  }

  private async onHost<T>(vm: VmEntity, act: string, call: () => Promise<T>): Promise<T> {
    // Throws host_not_in_contact before anything is sent.
    this.agents.connection(vm.hostId);
    try {
      return await call();
    } catch (error) {
      if (error instanceof Refusal) throw error;
      const found = error instanceof Error ? error.message : String(error);
      throw new Refusal("action_failed", `Cannot ${act} VM "${vm.name}" on ${vm.host}: ${found}`);
    }
  }
}

function onHost(vm: VmEntity): { hostId: string; vmName: string; vmUuid: string; vmConfigPath: string } {
  return { hostId: vm.hostId, vmName: vm.name, vmUuid: vm.id, vmConfigPath: vm.vmConfigPath };
}
