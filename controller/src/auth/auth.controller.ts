import { roleFor } from "@convirt/contract/access";
import { routes } from "@convirt/contract/routes";
import type { SessionView, TokenView, UserView } from "@convirt/contract/session";
import { Body, Controller, Delete, Get, HttpCode, Param, Patch, Post, Query, Req, Res } from "@nestjs/common";
import type { Request, Response } from "express";
import type { z } from "zod";
import { AccessService } from "../access/access.service.js";
import { holds, pageOf, sortBy } from "../database/paging.js";
import { AuthService } from "./auth.service.js";
import { cookieName } from "./credential.js";
import type { Identified, Identity } from "./identity.js";
import { TokensService } from "./tokens.service.js";
import type { TokenEntity, UserEntity } from "./user.entity.js";
import { UsersService } from "./users.service.js";

@Controller()
export class AuthController {
  constructor(
    private readonly auth: AuthService,
    private readonly users: UsersService,
    private readonly tokens: TokensService,
    private readonly access: AccessService,
  ) {}

  @Post("session")
  @HttpCode(200)
  async signIn(
    @Body({ schema: routes.signIn.body }) body: z.output<typeof routes.signIn.body>,
    @Req() request: Request,
    @Res({ passthrough: true }) response: Response,
  ): Promise<SessionView> {
    const { secret, identity } = await this.auth.signIn(body.username, body.password, request.ip ?? "");
    const encrypted = "encrypted" in request.socket;
    response.cookie(cookieName, secret, {
      httpOnly: true,
      sameSite: "strict",
      path: "/",
      secure: encrypted,
      expires: new Date(identity.expiresAt),
    });
    return toSessionView(identity);
  }

  @Get("session")
  showSession(@Req() { identity }: Identified): SessionView {
    return toSessionView(identity);
  }

  @Delete("session")
  async signOut(
    @Req() { identity }: Identified,
    @Res({ passthrough: true }) response: Response,
  ): Promise<{ ok: true }> {
    await this.auth.signOut(identity);
    response.clearCookie(cookieName, { path: "/" });
    return { ok: true };
  }

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
  private async view({ username, groups, createdAt, lastSignInAt }: UserEntity): Promise<UserView> {
    const own = await this.access.grantsOf(username, []);
    const all = await this.access.grantsOf(username, groups ?? []);
    const role = roleFor(own, "everything") ?? null;
    return { username, role, groups: groups ?? [], grants: all.length, createdAt, lastSignInAt };
  }
}

function toSessionView({ username, grants, expiresAt, via }: Identity): SessionView {
  return { username, role: roleFor(grants, "everything") ?? null, grants, expiresAt, via };
}

function toTokenView(token: TokenEntity, username: string): TokenView {
  const { id, name, role, scopes, createdAt, expiresAt, lastUsedAt } = token;
  return { id, name, username, role, scopes, createdAt, expiresAt, lastUsedAt };
}
