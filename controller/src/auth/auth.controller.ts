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
    const named = (await this.users.all()).filter((user) => holds(user.username, username));
    const wanted = (await this.views(named)).filter((user) => role === undefined || user.role === role);
    return pageOf(sortBy(wanted, sort, ["username", "role", "createdAt", "lastSignInAt"]), query);
  }

  @Post("users")
  async createUser(
    @Body({ schema: routes.createUser.body }) body: z.output<typeof routes.createUser.body>,
    @Req() { identity }: Identified,
  ): Promise<UserView> {
    return await this.view(await this.users.add(body, identity.username));
  }

  @Patch("users/:username")
  async changeUser(
    @Param("username") username: string,
    @Body({ schema: routes.changeUser.body }) body: z.output<typeof routes.changeUser.body>,
    @Req() { identity }: Identified,
  ): Promise<UserView> {
    return await this.view(await this.users.change(username, body, identity.username));
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

  private async view(user: UserEntity): Promise<UserView> {
    const [view] = await this.views([user]);
    if (view === undefined) throw new Error("One user makes one view");
    return view;
  }

  /** However many they are, grants and tokens are asked for once. */
  private async views(users: readonly UserEntity[]): Promise<UserView[]> {
    const [grantsOf, tokens] = await Promise.all([this.access.grants(), this.users.goodTokens()]);
    return users.map((user) => {
      const { username, createdAt, lastSignInAt } = user;
      const groups = user.groups ?? [];
      const role = roleFor(grantsOf(username, []), "everything") ?? null;
      const has = { secondFactor: user.totpSecret !== null, tokens: tokens.get(user.id) ?? 0 };
      return { username, role, groups, grants: grantsOf(username, groups).length, ...has, createdAt, lastSignInAt };
    });
  }
}

function toTokenView(token: TokenEntity, username: string): TokenView {
  const { id, name, role, scopes, createdAt, expiresAt, lastUsedAt } = token;
  return { id, name, username, role, scopes, createdAt, expiresAt, lastUsedAt };
}
