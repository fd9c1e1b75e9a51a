import { sees } from "@convirt/contract/access";
import { routes } from "@convirt/contract/routes";
import type { GrantView, TagView } from "@convirt/contract/session";
import { Body, Controller, Delete, Get, Param, Post, Put, Query, Req } from "@nestjs/common";
import type { z } from "zod";
import { holds, pageOf, sortBy } from "../database/paging.js";
import { AccessService } from "./access.service.js";
import type { Holder } from "./decide.js";

type Asked = { identity: Holder };
type TagPage = z.output<typeof routes.listTags.response>;

@Controller()
export class AccessController {
  constructor(private readonly access: AccessService) {}

  @Get("grants")
  async listGrants(
    @Query({ schema: routes.listGrants.query }) query: z.output<typeof routes.listGrants.query>,
  ): Promise<z.output<typeof routes.listGrants.response>> {
    const { user, group, role, scope, sort = "subject" } = query;
    const is = (kind: string, name: string | undefined, { subject }: GrantView) =>
      name === undefined || (subject.kind === kind && subject.name === name);
    const wanted = (await this.access.list())
      .filter((one) => is("user", user, one) && is("group", group, one))
      .filter((one) => (role ?? one.role) === one.role && (scope ?? one.scope) === one.scope);
    // A subject is sorted by its name.
    const rows = wanted.map((grant) => ({ ...grant, grant, subject: grant.subject.name }));
    const { items, ...page } = pageOf(
      sortBy(rows, sort, ["subject", "role", "scope", "createdAt", "createdBy"]),
      query,
    );
    return { ...page, items: items.map(({ grant }) => grant) };
  }

  @Post("grants")
  giveGrant(
    @Body({ schema: routes.giveGrant.body }) body: z.output<typeof routes.giveGrant.body>,
    @Req() { identity }: Asked,
  ): Promise<GrantView> {
    return this.access.give(body, identity.username);
  }

  @Delete("grants/:id")
  async takeGrant(@Param("id") id: string, @Req() { identity }: Asked): Promise<{ ok: true }> {
    await this.access.take(id, identity.username);
    return { ok: true };
  }

  @Get("tags")
  async listTags(
    @Query({ schema: routes.listTags.query }) query: z.output<typeof routes.listTags.query>,
    @Req() { identity }: Asked,
  ): Promise<TagPage> {
    const wanted = (await this.access.tags()).filter(
      (one) =>
        sees(identity, one.kind, one.name) &&
        holds(one.tag, query.tag) &&
        (query.kind ?? one.kind) === one.kind &&
        (query.name ?? one.name) === one.name,
    );
    return pageOf(sortBy(wanted, query.sort ?? "tag", ["tag", "kind", "name"]), query);
  }

  @Put("hosts/:name/tags")
  tagHost(
    @Param("name") name: string,
    @Body({ schema: routes.tagHost.body }) { tags }: z.output<typeof routes.tagHost.body>,
    @Req() { identity }: Asked,
  ): Promise<TagPage> {
    return this.setTags("host", name, tags, identity.username);
  }

  @Put("images/:name/tags")
  tagImage(
    @Param("name") name: string,
    @Body({ schema: routes.tagImage.body }) { tags }: z.output<typeof routes.tagImage.body>,
    @Req() { identity }: Asked,
  ): Promise<TagPage> {
    return this.setTags("image", name, tags, identity.username);
  }

  private async setTags(kind: TagView["kind"], name: string, tags: string[], by: string): Promise<TagPage> {
    return pageOf(await this.access.setTags(kind, name, tags, by), { page: 1, perPage: 50 });
  }
}
