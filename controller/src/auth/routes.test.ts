import { type Route, routes } from "@convirt/contract/routes";
import { type Role, roles } from "@convirt/contract/session";
import { RequestMethod } from "@nestjs/common";
import { ModulesContainer } from "@nestjs/core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { TestController } from "../testing.js";
import { mayAs } from "./identity.js";

let controller: TestController;
const tokens = new Map<Role, string>();

beforeAll(async () => {
  controller = await TestController.start();
  for (const role of roles) tokens.set(role, await controller.tokenFor(role));
});
afterAll(() => controller.end());

const table = Object.entries(routes) as [string, Route][];

/** A path that names nothing that is there, so that whoever may ask is told so. */
function pathOf(route: Route): string {
  return route.path.replace(/[:*][a-z]+/gi, "nothing");
}

function ask(route: Route, token?: string) {
  const withBody = route.body !== undefined;
  return controller.call(route.method, pathOf(route), {
    ...(token === undefined ? {} : { token }),
    ...(withBody ? { body: {} } : {}),
  });
}

describe("the route table", () => {
  test("names every route that is served, and every route that it names is served", () => {
    const served = new Set<string>();
    for (const module of controller.get(ModulesContainer).values()) {
      for (const { metatype } of module.controllers.values()) {
        if (metatype === null) continue;
        const [prefix = ""] = [Reflect.getMetadata("path", metatype)].flat() as string[];
        for (const name of Object.getOwnPropertyNames(metatype.prototype)) {
          const handler = metatype.prototype[name] as object;
          const path = Reflect.getMetadata("path", handler) as string | undefined;
          if (path === undefined || name === "constructor") continue;
          const whole = `/${prefix}/${path}`.replace(/\/+/g, "/").replace(/(.)\/$/, "$1");
          served.add(`${RequestMethod[Reflect.getMetadata("method", handler) as number]} ${whole}`);
        }
      }
    }
    expect([...served].sort()).toEqual(table.map(([, { method, path }]) => `${method} ${path}`).sort());
  });

  test("gives no path and method twice", () => {
    const all = table.map(([, { method, path }]) => `${method} ${path}`);
    expect(new Set(all).size).toBe(all.length);
  });
});

describe.each(table)("%s", (_name, route) => {
  test(`is ${route.role === "anyone" ? "for anyone" : "not for somebody who has not signed in"}`, async () => {
    const { status, body } = await ask(route);
    if (route.role === "anyone") expect(body.code ?? "").not.toMatch(/^not_signed_in$/);
    else expect({ status, code: body.code }).toEqual({ status: 401, code: "not_signed_in" });
  });

  test.each(roles)("keeps to what a %s may", async (role) => {
    // Enrolling over plain HTTP is forbidden to everybody, by another rule.
    if (route.path === "/enrolment") return;
    const may = route.role === "anyone" || route.role === "signed_in" || mayAs(role, route.role);
    const { status, body } = await ask(route, tokens.get(role));
    // This controller's database is in memory: there is nothing to copy.
    if (body.code !== "backup_failed") expect(status).toBeLessThan(500);
    if (may) expect(body.code ?? "").not.toMatch(/^(forbidden|not_signed_in)$/);
    else expect({ status, code: body.code }).toEqual({ status: 403, code: "forbidden" });
  });
});
