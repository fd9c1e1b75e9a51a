// Signing in by a provider, as a browser goes through it: away by a redirect, back by another, and then to the pages. What goes wrong on the way is told to the
// pages by its code alone: nobody's words are shown in our name.
import { routes } from "@convirt/contract/routes";
import { Controller, Get, Req, Res } from "@nestjs/common";
import type { Request, Response } from "express";
import type { z } from "zod";
import { apiPrefix } from "../config/api.js";
import { Refusal } from "../errors/refusal.js";
import { AuthService } from "./auth.service.js";
import type { Identity } from "./identity.js";
import { beganMs, OidcService } from "./oidc.service.js";
import { setSessionCookie } from "./session.controller.js";

const cookie = "convirt_oidc";
const path = `${apiPrefix}/session/oidc`;

@Controller("session")
export class OidcController {
  constructor(
    private readonly oidc: OidcService,
    private readonly auth: AuthService,
  ) {}

  @Get("methods")
  methods(): z.output<typeof routes.signInMethods.response> {
    return { provider: this.oidc.name ?? null };
  }

  @Get("oidc")
  async begin(@Req() request: Request, @Res() response: Response): Promise<void> {
    if (this.oidc.name === undefined) throw new Refusal("not_found", "There is no provider to sign in by");
    try {
      const { url, id } = await this.oidc.begin();
      // Lax, since the provider's page brings the browser back.
      const secure = "encrypted" in request.socket;
      response.cookie(cookie, id, { httpOnly: true, sameSite: "lax", path, secure, maxAge: beganMs });
      response.redirect(302, url);
    } catch (error) {
      toPages(response, error);
    }
  }

  @Get("oidc/callback")
  async finish(@Req() request: Request & { identity?: Identity }, @Res() response: Response): Promise<void> {
    if (this.oidc.name === undefined) throw new Refusal("not_found", "There is no provider to sign in by");
    const id = new RegExp(`(?:^|; *)${cookie}=([A-Za-z0-9_-]{43})(?:;|$)`).exec(request.headers.cookie ?? "")?.[1];
    response.clearCookie(cookie, { path });
    try {
      const user = await this.oidc.finish(id, request.originalUrl.replace(/^[^?]*/, ""));
      const from = { address: request.ip ?? "", userAgent: request.headers["user-agent"] ?? "" };
      const { secret, identity } = await this.auth.admit(user, from);
      request.identity = identity;
      setSessionCookie(request, response, secret, identity);
      response.redirect(302, "/");
    } catch (error) {
      toPages(response, error);
    }
  }
}

function toPages(response: Response, error: unknown): void {
  if (!(error instanceof Refusal)) throw error;
  response.redirect(302, `/?refused=${error.code}`);
}
