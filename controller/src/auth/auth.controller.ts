import { roleFor } from "@convirt/contract/access";
import { routes } from "@convirt/contract/routes";
import type { TokenView, UserView } from "@convirt/contract/session";
import { Body, Controller, Delete, Get, Param, Patch, Post, Query, Req } from "@nestjs/common";
import type { z } from "zod";
import { AccessService } from "../access/access.service.js";
import { holds, pageOf, sortBy } from "../database/paging.js";
import type { Identified } from "./identity.js";
import { TokensService } from "./tokens.service.js";
import type { TokenEntity, UserEntity } from "./user.entity.js";
import { UsersService } from "./users.service.js";

@Controller()
export class AuthController {
  constructor(
    private readonly users: UsersService,
    private readonly tokens: TokensService,
    private readonly access: AccessService,
  ) {}

  @Get("users")
  async listUsers(
    @Query({ schema: routes.listUsers.query }) query: z.output<typeof routes.listUsers.query>,
  ): Promise<z.output<typeof routes.listUsers.response>> {
    const { role, username, sort = "username" } = query;
    const wanted = (await Promise.all((await this.users.all()).map((user) => this.view(user)))).filter(
      (user) => (role === undefined || user.role === role) && holds(user.username, username),
    );
    return pageOf(sortBy(wanted, sort, ["username", "role", "createdAt", "lastSignInAt"]), query);
  }

  @Post("users")
  async createUser(
    @Body({ schema: routes.createUser.body }) body: z.output<typeof routes.createUser.body>,
    @Req() { identity }: Identified,
  ): Promise<UserView> {
    return this.view(await this.users.add(body, identity.username));
  }

  @Patch("users/:username")
  async changeUser(
    @Param("username") username: string,
    @Body({ schema: routes.changeUser.body }) body: z.output<typeof routes.changeUser.body>,
    @Req() { identity }: Identified,
  ): Promise<UserView> {
    return this.view(await this.users.change(username, body, identity.username));
  }

  @Delete("users/:username")
  async removeUser(@Param("username") username: string): Promise<{ ok: true }> {
    await this.users.remove(username);
    return { ok: true };
  }

  @Get("tokens")
  async listTokens(
    @Query({ schema: routes.listTokens.query }) query: z.output<typeof routes.listTokens.query>,
    @Req() { identity }: Identified,
  ): Promise<z.output<typeof routes.listTokens.response>> {
    const { username, name, sort = "-createdAt" } = query;
    const wanted = (await this.tokens.visibleTo(identity))
      .map((token) => toTokenView(token, token.username))
      .filter((token) => (username === undefined || token.username === username) && holds(token.name, name));
    const fields = ["name", "username", "role", "createdAt", "expiresAt", "lastUsedAt"] as const;
    return pageOf(sortBy(wanted, sort, fields), query);
  }

  @Post("tokens")
  async createToken(
    @Body({ schema: routes.createToken.body }) body: z.output<typeof routes.createToken.body>,
    @Req() { identity }: Identified,
  ): Promise<TokenView & { token: string }> {
    const { token, secret } = await this.tokens.create(identity, body);
    return { ...toTokenView(token, identity.username), token: secret };
  }

  @Delete("tokens/:id")
  async revokeToken(@Param("id") id: string, @Req() { identity }: Identified): Promise<{ ok: true }> {
    await this.tokens.revoke(identity, id);
    return { ok: true };
  }

  /** Each user's grants are few, and so are users. */
  private async view(user: UserEntity): Promise<UserView> {
    const { username, groups, createdAt, lastSignInAt } = user;
    const own = await this.access.grantsOf(username, []);
    const all = await this.access.grantsOf(username, groups ?? []);
    const role = roleFor(own, "everything") ?? null;
    const has = { secondFactor: user.totpSecret !== null, tokens: await this.users.goodTokens(user.id) };
    return { username, role, groups: groups ?? [], grants: all.length, ...has, createdAt, lastSignInAt };
  }
}

function toTokenView(token: TokenEntity, username: string): TokenView {
  const { id, name, role, scopes, createdAt, expiresAt, lastUsedAt } = token;
  return { id, name, username, role, scopes, createdAt, expiresAt, lastUsedAt };
}
