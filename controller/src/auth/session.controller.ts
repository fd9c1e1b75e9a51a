// Signing in and out, and what somebody does about their own signing in. An API token may do none of that: who has found one must not get the account with it.
import { roleFor } from "@convirt/contract/access";
import { routes } from "@convirt/contract/routes";
import type { SessionView } from "@convirt/contract/session";
import { Body, Controller, Delete, Get, HttpCode, Param, Post, Put, Query, Req, Res } from "@nestjs/common";
import type { Request, Response } from "express";
import type { z } from "zod";
import { pageOf, sortBy } from "../database/paging.js";
import { Refusal } from "../errors/refusal.js";
import { AuthService } from "./auth.service.js";
import { cookieName } from "./credential.js";
import type { Identified, Identity } from "./identity.js";
import { SecondFactorService } from "./second-factor.service.js";
import { SessionsService } from "./sessions.service.js";
import { UsersService } from "./users.service.js";

@Controller()
export class SessionController {
  constructor(
    private readonly auth: AuthService,
    private readonly sessions: SessionsService,
    private readonly users: UsersService,
    private readonly secondFactor: SecondFactorService,
  ) {}

  @Post("session")
  @HttpCode(200)
  async signIn(
    @Body({ schema: routes.signIn.body }) body: z.output<typeof routes.signIn.body>,
    @Req() request: Request,
    @Res({ passthrough: true }) response: Response,
  ): Promise<SessionView> {
    const from = { address: request.ip ?? "", userAgent: request.headers["user-agent"] ?? "" };
    const { secret, identity } = await this.auth.signIn(body, from);
    setSessionCookie(request, response, secret, identity);
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
    await this.sessions.signOut(identity);
    response.clearCookie(cookieName, { path: "/" });
    return { ok: true };
  }

  @Put("session/password")
  async changePassword(
    @Body({ schema: routes.changePassword.body }) body: z.output<typeof routes.changePassword.body>,
    @Req() { identity }: Identified,
  ): Promise<z.output<typeof routes.changePassword.response>> {
    inPerson(identity);
    await this.auth.requirePassword(identity, body.password);
    await this.users.setPassword(identity.userId, body.newPassword);
    await this.sessions.endOthers(identity);
    return { ok: true, tokens: (await this.users.goodTokens(identity.userId)).get(identity.userId) ?? 0 };
  }

  @Post("session/second-factor")
  @HttpCode(200)
  beginSecondFactor(@Req() { identity }: Identified): { secret: string; uri: string } {
    inPerson(identity);
    if (identity.secondFactor)
      throw new Refusal("name_taken", "Cannot set a second factor: you have one; remove that first, by your password");
    return this.secondFactor.begin(identity.userId, identity.username);
  }

  @Put("session/second-factor")
  async confirmSecondFactor(
    @Body({ schema: routes.confirmSecondFactor.body }) { code }: z.output<typeof routes.confirmSecondFactor.body>,
    @Req() { identity }: Identified,
  ): Promise<{ recoveryCodes: string[] }> {
    inPerson(identity);
    return { recoveryCodes: await this.secondFactor.confirm(identity.userId, code) };
  }

  @Post("session/second-factor/removal")
  @HttpCode(200)
  async removeSecondFactor(
    @Body({ schema: routes.removeSecondFactor.body }) { password }: z.output<typeof routes.removeSecondFactor.body>,
    @Req() { identity }: Identified,
  ): Promise<{ ok: true }> {
    inPerson(identity);
    await this.auth.requirePassword(identity, password);
    await this.secondFactor.remove(identity.userId);
    return { ok: true };
  }

  @Get("sessions")
  async listSessions(
    @Query({ schema: routes.listSessions.query }) query: z.output<typeof routes.listSessions.query>,
    @Req() { identity }: Identified,
  ): Promise<z.output<typeof routes.listSessions.response>> {
    const wanted = (await this.sessions.visibleTo(identity)).filter(
      ({ username }) => (query.username ?? username) === username,
    );
    const fields = ["username", "createdAt", "expiresAt", "lastSeenAt", "address"] as const;
    return pageOf(sortBy(wanted, query.sort ?? "-createdAt", fields), query);
  }

  @Delete("sessions/:id")
  async endSession(@Param("id") id: string, @Req() { identity }: Identified): Promise<{ ok: true }> {
    await this.sessions.end(identity, id);
    return { ok: true };
  }
}

export function setSessionCookie(request: Request, response: Response, secret: string, { expiresAt }: Identity): void {
  response.cookie(cookieName, secret, {
    ...{ httpOnly: true, sameSite: "strict", path: "/", secure: "encrypted" in request.socket },
    expires: new Date(expiresAt),
  });
}

function inPerson({ via }: Identity): void {
  if (via !== "session") throw new Refusal("in_person_only", "An API token cannot do this: sign in with your password");
}

function toSessionView({ username, grants, expiresAt, via, secondFactor }: Identity): SessionView {
  return { username, role: roleFor(grants, "everything") ?? null, grants, expiresAt, via, secondFactor };
}
