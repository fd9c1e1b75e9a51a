// VMs over HTTP.
import { routes } from "@convirt/contract/routes";
import type { ConsoleLog, removeVmReply, VmDetail, VmView } from "@convirt/contract/vm";
import { Controller, Delete, Get, HttpCode, Param, Post, Query, Req } from "@nestjs/common";
import type { z } from "zod";
import { type Actor, DomainsService, type VmAction } from "./domains.service.js";
import type { VmEntity } from "./vm.entity.js";
import { VmList } from "./vm-list.js";
import { VmStates } from "./vm-states.js";

/** `commands` is for the audit: what ran on the host. */
type Identified = { identity: Actor; commands?: string[] };

@Controller("vms")
export class DomainsController {
  private readonly domains: DomainsService;
  private readonly vms: VmList;
  private readonly states: VmStates;

  constructor(domains: DomainsService, vms: VmList, states: VmStates) {
    this.domains = domains;
    this.vms = vms;
    this.states = states;
  }

  @Get()
  list(
    @Query({ schema: routes.listVms.query }) query: z.infer<typeof routes.listVms.query>,
    @Req() { identity }: Identified,
  ): Promise<{ items: VmView[]; total: number }> {
    return this.vms.page(query, identity);
  }

  @Get(":id")
  async show(@Param("id") id: string): Promise<VmDetail> {
    const vm = await this.domains.find(id);
    return toVmDetail(vm, this.states.view(vm));
  }

  @Post(":id/start")
  @HttpCode(200)
  start(@Param("id") id: string, @Req() request: Identified): Promise<{ already: boolean; vm: VmView }> {
    return this.act(id, "start", request);
  }

  @Post(":id/shutdown")
  @HttpCode(200)
  shutdown(@Param("id") id: string, @Req() request: Identified): Promise<{ already: boolean; vm: VmView }> {
    return this.act(id, "shutdown", request);
  }

  @Post(":id/destroy")
  @HttpCode(200)
  destroy(@Param("id") id: string, @Req() request: Identified): Promise<{ already: boolean; vm: VmView }> {
    return this.act(id, "destroy", request);
  }

  @Post(":id/pause")
  @HttpCode(200)
  pause(@Param("id") id: string, @Req() request: Identified): Promise<{ already: boolean; vm: VmView }> {
    return this.act(id, "pause", request);
  }

  @Post(":id/unpause")
  @HttpCode(200)
  unpause(@Param("id") id: string, @Req() request: Identified): Promise<{ already: boolean; vm: VmView }> {
    return this.act(id, "unpause", request);
  }

  @Post(":id/reboot")
  @HttpCode(200)
  reboot(@Param("id") id: string, @Req() request: Identified): Promise<{ already: boolean; vm: VmView }> {
    return this.act(id, "reboot", request);
  }

  @Get(":id/console-log")
  consoleLog(
    @Param("id") id: string,
    @Query({ schema: routes.readConsoleLog.query }) query: z.infer<typeof routes.readConsoleLog.query>,
  ): Promise<ConsoleLog> {
    return this.domains.consoleLog(id, query.bytes);
  }

  @Delete(":id")
  remove(
    @Param("id") id: string,
    @Query({ schema: routes.removeVm.query }) query: z.infer<typeof routes.removeVm.query>,
    @Req() request: Identified,
  ): Promise<z.infer<typeof removeVmReply>> {
    return this.domains.remove(id, query, request.identity).then(({ commands, ...reply }) => {
      request.commands = commands;
      return reply;
    });
  }

  private async act(id: string, action: VmAction, request: Identified): Promise<{ already: boolean; vm: VmView }> {
    const { already, vm, commands } = await this.domains.act(id, action, request.identity);
    request.commands = commands;
    return { already, vm: this.states.view(vm) };
  }
}

function toVmDetail(vm: VmEntity, view: VmView): VmDetail {
  const { vmConfigPath, vmConfig, disks } = vm;
  // Both were written from options that are JSON by construction.
  const imageConf = vm.imageConf as VmDetail["imageConf"];
  const vmConf = vm.vmConf as VmDetail["vmConf"];
  return { ...view, vmConfigPath, vmConfig, disks, imageConf, vmConf };
}
