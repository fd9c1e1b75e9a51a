import { randomUUID } from "node:crypto";
import { includes } from "@convirt/contract/access";
import type { Route } from "@convirt/contract/route";
import { routes } from "@convirt/contract/routes";
import { type Role, roles } from "@convirt/contract/session";
import { RequestMethod } from "@nestjs/common";
import { ModulesContainer } from "@nestjs/core";
import { DataSource } from "typeorm";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { AccessService } from "../access/access.service.js";
import { inTransaction } from "../database/write-queue.js";
import { VmRecords } from "../domains/vm-records.service.js";
import { Refusal } from "../errors/refusal.js";
import { TestController } from "../testing.js";

let controller: TestController;
const tokens = new Map<Role, string>();
const ids = { own: { vm: randomUUID(), job: randomUUID() }, foreign: { vm: randomUUID(), job: randomUUID() } };

beforeAll(async () => {
  controller = await TestController.start();
  for (const role of roles) tokens.set(role, await controller.tokenFor(role));
  for (const which of ["own", "foreign"] as const) await recordOn(which);
});
afterAll(() => controller.end());

/** A VM and a job on the host of that name, of the image of that name. */
async function recordOn(which: "own" | "foreign"): Promise<void> {
  const { vm, job } = ids[which];
  await inTransaction(controller.get(DataSource), async (tx) => {
    const at = { hostId: randomUUID(), host: which, image: which, imageVersion: "0".repeat(64) };
    const files = { vmConfigPath: "/vm/x", vmConfig: "", disks: [], options: { imageConf: {}, vmConf: {} } };
    await controller.get(VmRecords).record(tx, { ...at, ...files, id: job, vm: `vm-of-${which}`, vmUuid: vm });
    const text = { status: "failed", created_at: "2026-01-01T00:00:00.000Z", requested_by: "x", requested_by_id: "x" };
    const json = { request: "{}", spec: "{}", options: "{}", phases: "[]", proofs: "[]", leftovers: "[]" };
    const more = { cleaned: "[]", disks: "[]", log_bytes: 0, log_cut: 0, last_sequence: 0, agent_sequence: 0 };
    const place = { host_id: at.hostId, host: which, image: which, image_version: at.imageVersion };
    const row = { id: job, number: which === "own" ? 1 : 2, restored: 0, vm: "x", vm_uuid: vm, start: 0 };
    const values = Object.entries({ ...row, ...text, ...json, ...more, ...place });
    const names = values.map(([name]) => name).join(", ");
    const marks = values.map(() => "?").join(", ");
    await tx.query(
      `INSERT INTO jobs (${names}) VALUES (${marks})`,
      values.map(([, value]) => value),
    );
  });
}

const table = Object.entries(routes) as [string, Route][];

/** The route's path, naming what is on the host, or of the image, `which`. */
function pathOf(route: Route, which: "own" | "foreign" | "nothing"): string {
  return route.path.replace(/[:*]([a-z]+)/gi, (_, name: string) => params(route, which)[name] ?? "nothing");
}

function params(route: Route, which: "own" | "foreign" | "nothing"): Record<string, string> {
  const id = which === "nothing" ? "nothing" : ids[which][route.path.startsWith("/vms") ? "vm" : "job"];
  return { name: which, id };
}

function bodyOf(which: string): Record<string, unknown> {
  return { host: which, image: which, name: which, vm: "new" };
}

function ask(route: Route, token?: string, which: "foreign" | "nothing" = "nothing", body: unknown = {}) {
  return controller.call(route.method, pathOf(route, which), {
    ...(token === undefined ? {} : { token }),
    ...(route.body === undefined ? {} : { body }),
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

  test("says of every route with a host, an image, a VM or a job in its path what the role is to be held for, or that only an admin of everything may", () => {
    const silent = table.filter(
      ([, { path, on, role }]) => /^\/(hosts|images|vms|jobs)\/[:*]/.test(path) && on === undefined && role !== "admin",
    );
    expect(silent).toEqual([]);
  });
});

const objectless = (route: Route) => ["anyone", "signed_in"].includes(route.role);

/** What the matrix says: by the table's own words, and not by the code that decides. */
function expected(route: Route, role: Role | undefined, held: "everything" | "own", which: "own" | "foreign"): string {
  if (objectless(route)) return "allowed";
  if (role === undefined) return "forbidden";
  const isEnough = includes(role, route.role as Role);
  if (held === "everything") return isEnough ? "allowed" : "forbidden";
  if (route.on === undefined) return "forbidden";
  if (route.on === "some") return isEnough ? "allowed" : "forbidden";
  return which === "foreign" ? "not_found" : isEnough ? "allowed" : "forbidden";
}

describe.each(table)("%s", (_name, route) => {
  test(`is ${route.role === "anyone" ? "for anyone" : "not for somebody who has not signed in"}`, async () => {
    const { status, body } = await ask(route);
    if (route.role === "anyone") expect(body.code ?? "").not.toMatch(/^not_signed_in$/);
    else expect({ status, code: body.code }).toEqual({ status: 401, code: "not_signed_in" });
  });

  test.each(roles)("keeps to what a %s of everything may", async (role) => {
    // Enrolling over plain HTTP is forbidden to everybody, by another rule.
    if (route.path === "/enrolment") return;
    const may = expected(route, role, "everything", "own") === "allowed";
    const { status, body } = await ask(route, tokens.get(role));
    // This controller's database is in memory: there is nothing to copy.
    if (body.code !== "backup_failed") expect(status).toBeLessThan(500);
    if (may) expect(body.code ?? "").not.toMatch(/^(forbidden|not_signed_in)$/);
    else expect({ status, code: body.code }).toEqual({ status: 403, code: "forbidden" });
  });

  test("decides as the matrix says, for each role, held for everything or for one's own, asked for one's own or another's", async () => {
    const decided: Record<string, unknown> = {};
    const wanted: Record<string, unknown> = {};
    for (const role of [undefined, ...roles])
      for (const held of ["everything", "own"] as const)
        for (const which of ["own", "foreign"] as const) {
          const scopes = held === "everything" ? ["everything"] : ["host:own", "image:own"];
          const grants = role === undefined ? [] : scopes.map((scope) => ({ role, scope }));
          const asked = { params: params(route, which), body: bodyOf(which) };
          const cell = `${role ?? "nobody"} of ${held}, asked for ${which}`;
          wanted[cell] = expected(route, role, held, which);
          decided[cell] = await controller
            .get(AccessService)
            .decide(route, asked, { username: "ada", grants })
            .then(
              () => "allowed",
              (error: unknown) => (error instanceof Refusal ? error.code : error),
            );
        }
    expect(decided).toEqual(wanted);
  });
});

const withThing = table.filter(([, { on }]) => on !== undefined && on !== "some");
test.each(withThing)("%s answers for what is another's as for what is not there", async (_name, route) => {
  const token = await controller.tokenFor("admin", "host:own");
  const foreign = await ask(route, token, "foreign", bodyOf("foreign"));
  const nothing = await ask(route, token, "nothing", bodyOf("nothing"));
  const known = [ids.foreign.vm, ids.foreign.job, "foreign"];
  const unnamed = known.reduce((text, name) => text.replaceAll(name, "nothing"), JSON.stringify(foreign.body));
  expect({ status: foreign.status, body: JSON.parse(unnamed) }).toEqual({ status: 404, body: nothing.body });
});
