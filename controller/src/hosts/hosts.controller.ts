import type { EnrolmentReply, HostView } from "@convirt/contract/host";
import { routes } from "@convirt/contract/routes";
import { Body, Controller, Delete, Get, HttpCode, Param, Post, Query, Req } from "@nestjs/common";
import type { Request } from "express";
import type { z } from "zod";
import { Refusal } from "../errors/refusal.js";
import { HostsService } from "./hosts.service.js";

type Asked = { identity: { username: string } };

@Controller()
export class HostsController {
  constructor(private readonly hosts: HostsService) {}

  @Post("hosts/invitations")
  invite(
    @Body({ schema: routes.inviteHost.body }) body: z.output<typeof routes.inviteHost.body>,
    @Req() { identity }: Asked,
  ): Promise<z.output<typeof routes.inviteHost.response>> {
    return this.hosts.invite(body.host, body.ttlSeconds, identity.username);
  }

  /** Over TLS alone: the invitation's secret must not be read on the way. */
  @Post("enrolment")
  enrol(
    @Body({ schema: routes.enrol.body }) body: z.output<typeof routes.enrol.body>,
    @Req() request: Request,
  ): Promise<EnrolmentReply> {
    if (!("encrypted" in request.socket)) throw new Refusal("forbidden", "Hosts enrol over HTTPS alone");
    return this.hosts.enrol(body, request.ip ?? "");
  }

  @Get("hosts")
  list(
    @Query({ schema: routes.listHosts.query }) query: z.output<typeof routes.listHosts.query>,
  ): Promise<z.output<typeof routes.listHosts.response>> {
    return this.hosts.list(query);
  }

  @Get("hosts/:name")
  show(@Param("name") name: string): Promise<HostView> {
    return this.hosts.show(name);
  }

  @Post("hosts/:name/drain")
  @HttpCode(200)
  drain(
    @Param("name") name: string,
    @Body({ schema: routes.drainHost.body }) body: z.output<typeof routes.drainHost.body>,
    @Req() { identity }: Asked,
  ): Promise<HostView> {
    return this.hosts.drain(name, body.draining, identity.username);
  }

  @Delete("hosts/:name")
  async remove(
    @Param("name") name: string,
    @Query({ schema: routes.removeHost.query }) query: z.output<typeof routes.removeHost.query>,
    @Req() { identity }: Asked,
  ): Promise<{ ok: true }> {
    await this.hosts.remove(name, query.force, identity.username);
    return { ok: true };
  }
}
