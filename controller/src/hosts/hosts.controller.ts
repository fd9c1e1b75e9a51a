import type { Grant } from "@convirt/contract/access";
import type { HostView } from "@convirt/contract/host";
import { routes } from "@convirt/contract/routes";
import { Body, Controller, Delete, Get, HttpCode, Param, Post, Query, Req } from "@nestjs/common";
import type { z } from "zod";
import { HostsService } from "./hosts.service.js";

type Asked = { identity: { username: string; grants: readonly Grant[] } };

@Controller()
export class HostsController {
  constructor(private readonly hosts: HostsService) {}

  @Get("hosts")
  list(
    @Query({ schema: routes.listHosts.query }) query: z.output<typeof routes.listHosts.query>,
    @Req() { identity }: Asked,
  ): Promise<z.output<typeof routes.listHosts.response>> {
    return this.hosts.list(query, identity);
  }

  @Get("hosts/:name")
  show(@Param("name") name: string): Promise<HostView> {
    return this.hosts.show(name);
  }

  @Get("hosts/:name/staged")
  async staged(
    @Param("name") name: string,
    @Req() { identity }: Asked,
  ): Promise<z.output<typeof routes.listStaged.response>> {
    return { items: await this.hosts.staged(name, identity) };
  }

  @Delete("hosts/:name/staged/:image")
  async unstage(
    @Param("name") name: string,
    @Param("image") image: string,
    @Req() { identity }: Asked,
  ): Promise<z.output<typeof routes.removeStaged.response>> {
    return { host: name, image, freedBytes: await this.hosts.unstage(name, image, identity) };
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
