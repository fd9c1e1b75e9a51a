// Acts on the domain of one VM. A start or a removal may take as long as the host's toolstack does; the deadline is generous and the host's
// own limits are the tighter ones.
import type { Action, ActReply, ReadConsoleLogReply, RemoveReply } from "@convirt/proto/domain";
import { Metadata } from "@grpc/grpc-js";
import { Injectable } from "@nestjs/common";
import { Refusal } from "../errors/refusal.js";
import { AgentsService } from "./agents.service.js";
import { unary } from "./unary.js";

const actMs = 120_000;

export interface VmOnHost {
  hostId: string;
  vmName: string;
  vmUuid: string;
  vmConfigPath: string;
}

@Injectable()
export class VmsService {
  private readonly agents: AgentsService;

  constructor(agents: AgentsService) {
    this.agents = agents;
  }

  act(vm: VmOnHost, action: Action): Promise<ActReply> {
    const { hostId, ...named } = vm;
    const client = this.agents.connection(hostId).domain;
    return unary((options, done) => client.act({ action, ...named }, new Metadata(), options, done), actMs);
  }

  /** Ids of those VMs whose configuration is on the host. Throws Refusal agent_too_old of an agent that cannot look. */
  async configured(
    hostId: string,
    vms: readonly { id: string; vmConfigPath: string }[],
    limitMs?: number,
  ): Promise<ReadonlySet<string>> {
    const { domain, hostName } = this.agents.connection(hostId);
    if (!this.agents.has(hostId, "domain.look"))
      throw new Refusal(
        "agent_too_old",
        `Cannot look for VMs that are stopped on ${hostName}: its agent is of an older release, which cannot. Update it`,
      );
    const places = vms.map(({ id, vmConfigPath }) => ({ vmUuid: id, vmConfigPath }));
    const reply = await unary<{ configured: string[] }>(
      (options, done) => domain.look({ vms: places }, new Metadata(), options, done),
      limitMs,
    );
    return new Set(reply.configured);
  }

  /** With `destroy` a VM that runs is destroyed first; without it the host refuses, as `vm_running`. */
  remove(vm: VmOnHost, removeDisks: boolean, destroy: boolean): Promise<RemoveReply> {
    const { hostId, ...named } = vm;
    const client = this.agents.connection(hostId).domain;
    return unary(
      (options, done) => client.remove({ ...named, removeDisks, destroy }, new Metadata(), options, done),
      actMs,
    );
  }

  /** Throws Refusal agent_too_old of an agent that cannot read it. */
  consoleLog(vm: VmOnHost, maxBytes: number): Promise<ReadConsoleLogReply> {
    const { domain, hostName } = this.agents.connection(vm.hostId);
    const { vmName, vmUuid } = vm;
    if (!this.agents.has(vm.hostId, "domain.console"))
      throw new Refusal(
        "agent_too_old",
        `Cannot read the console of "${vmName}" on ${hostName}: its agent is of an older release, which cannot. Update it`,
      );
    return unary((options, done) => domain.readConsoleLog({ vmName, vmUuid, maxBytes }, new Metadata(), options, done));
  }
}
