// The one guard: finds out who asks, looks up in the contract's route table what the route needs, and lets pass who holds it. What
// is not in the table is denied.
import type { Route } from "@convirt/contract/route";
import { routes } from "@convirt/contract/routes";
import { type CanActivate, type ExecutionContext, Injectable } from "@nestjs/common";
import type { Request } from "express";
import { AccessService } from "../access/access.service.js";
import { apiPrefix } from "../config/api.js";
import { Refusal } from "../errors/refusal.js";
import { AuthService } from "./auth.service.js";
import type { Identity } from "./identity.js";

const table = new Map<string, Route>(
  Object.values(routes).map((route: Route) => [`${route.method} ${apiPrefix}${route.path}`, route]),
);

@Injectable()
export class AuthGuard implements CanActivate {
  constructor(
    private readonly auth: AuthService,
    private readonly access: AccessService,
  ) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const request = context.switchToHttp().getRequest<Request & { identity?: Identity; route?: { path: string } }>();
    const route = table.get(`${request.method} ${request.route?.path ?? ""}`);
    if (route === undefined) throw new Refusal("forbidden", `${request.method} ${request.path} is nobody's`);
    if (route.role === "anyone") return true;
    const identity = await this.auth.identify(request);
    if (identity === undefined) throw new Refusal("not_signed_in", "Sign in first");
    // Also for who records that it was refused.
    request.identity = identity;
    await this.access.decide(route, request, identity);
    return true;
  }
}
