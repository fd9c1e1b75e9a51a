import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Route, type RouteName, routes } from "@convirt/contract/routes";
import { Validator } from "@seriousme/openapi-schema-validator";
import { Ajv2020 } from "ajv/dist/2020.js";
import addFormats from "ajv-formats";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type CallOptions, TestController } from "../testing.js";
import { makeSigningRequest, post, readInvitation } from "../testing-enrolment.js";
import { openApiDocument } from "./openapi.js";

interface Operation {
  operationId: string;
  parameters: { name: string; in: string; required: boolean }[];
  requestBody?: { content: Record<string, { schema?: object }> };
  responses: Record<string, { content: Record<string, { schema?: object }> }>;
}
interface Document {
  paths: Record<string, Record<string, Operation>>;
}

const table = Object.entries(routes) as [RouteName, Route][];
const document = openApiDocument() as unknown as Document;
const ajv = new Ajv2020({ strict: false, allErrors: true });
addFormats.default(ajv);
ajv.addSchema(document, "document");

let controller: TestController;
let token: string;
const answered = new Set<RouteName>();

beforeAll(async () => {
  controller = await TestController.start();
  token = await controller.tokenFor("admin");
});
afterAll(() => controller.end());

/** Calls a route and holds its answer against the published schema and against the contract, which must not have to drop a field of it. */
// biome-ignore lint/suspicious/noExplicitAny: the published schema has just said what it is.
async function answer(name: RouteName, options: CallOptions & { path?: string } = {}): Promise<any> {
  const route: Route = routes[name];
  const got = await controller.call(route.method, options.path ?? route.path, { token, ...options });
  expect({ name, status: got.status, body: got.body }).toMatchObject({ name, status: route.status });
  expectAnswer(name, got.body);
  return got.body;
}

function expectAnswer(name: RouteName, body: unknown): void {
  const route: Route = routes[name];
  const path = `/api/v1${route.path.replace(/[:*]([a-z]+)/gi, "{$1}")}`;
  const parts = ["paths", path, route.method.toLowerCase(), "responses", String(route.status)];
  const at = [...parts, "content", "application/json", "schema"].map(escapePointer).join("/");
  const holds = ajv.compile({ $ref: `document#/${at}` });
  expect({ name, errors: holds(body) ? [] : holds.errors, body }).toEqual({ name, errors: [], body });
  expect(route.response?.parse(body)).toEqual(body);
  answered.add(name);
}

function escapePointer(part: string): string {
  return encodeURIComponent(part.replaceAll("~", "~0").replaceAll("/", "~1"));
}

describe("the OpenAPI document", () => {
  test("is valid OpenAPI 3.1, and what is served is it", async () => {
    const served = await answer("openapi");
    expect(served).toEqual(JSON.parse(JSON.stringify(document)));
    const result = await new Validator().validate(structuredClone(served));
    expect(result.errors).toBeUndefined();
    expect(result.valid).toBe(true);
    expect(served.openapi).toMatch(/^3\.1/);
  });

  test.each(table)("describes %s as the route table has it", (name, route) => {
    const operation =
      document.paths[`/api/v1${route.path.replace(/[:*]([a-z]+)/gi, "{$1}")}`]?.[route.method.toLowerCase()];
    expect(operation?.operationId).toBe(name);
    const inPath = operation?.parameters.filter((one) => one.in === "path").map((one) => one.name);
    expect(inPath).toEqual([...route.path.matchAll(/[:*]([a-z]+)/gi)].map(([, parameter]) => parameter));
    expect(operation?.parameters.some((one) => one.name === "Idempotency-Key")).toBe(route.method === "POST");
    expect(operation?.requestBody === undefined).toBe(route.body === undefined && route.bodyStream === undefined);
    expect(Object.keys(operation?.responses ?? {})).toEqual([String(route.status), "default"]);
  });

  test("has a schema for the error's body that every refusal keeps to", async () => {
    const holds = ajv.compile({ $ref: "document#/components/schemas/Error" });
    for (const [path, status] of [
      ["/hosts?page=0", 400],
      ["/hosts/none", 404],
      ["/nothing", 404],
    ] as const) {
      const got = await controller.call("GET", path, { token });
      expect(got.status).toBe(status);
      expect(holds(got.body)).toBe(true);
    }
  });
});

describe("real answers keep to the document", () => {
  test("of access", async () => {
    const password = "a good password";
    await answer("signIn", { body: { username: "admin", password: "correct horse battery" } });
    await answer("showSession");
    await answer("createUser", { body: { username: "ada", password, role: "viewer" } });
    await answer("changeUser", { path: "/users/ada", body: { role: "operator" } });
    await answer("listUsers");
    const made = await answer("createToken", { body: { name: "one", expiresInDays: 1 } });
    await answer("listTokens");
    await answer("revokeToken", { path: `/tokens/${made.id}` });
    await answer("removeUser", { path: "/users/ada" });
    await answer("signOut");
  });

  test("of hosts", async () => {
    const { invitation } = await answer("inviteHost", { body: { host: "xen1" } });
    await answer("showHost", { path: "/hosts/xen1" });
    const { host, secret } = readInvitation(invitation);
    const { pem } = await makeSigningRequest(host);
    const body = { host, secret, signingRequest: pem, address: "127.0.0.1:9", agentVersion: "1" };
    const enrolled = await post(`${controller.httpsUrl}/api/v1/enrolment`, body);
    expect(enrolled.status).toBe(201);
    expectAnswer("enrol", enrolled.body);
    await answer("showHost", { path: "/hosts/xen1" });
    await answer("listHosts");
    await answer("drainHost", { path: "/hosts/xen1/drain", body: { draining: true } });
    await answer("removeHost", { path: "/hosts/xen1" });
  });

  test("of images", async () => {
    makeImage("Tiny");
    await answer("scanImages");
    await answer("listImages");
    await answer("showImage", { path: "/images/Tiny" });
    const like = await answer("createLike", { path: "/images/Tiny/create-like", body: { name: "Other" } });
    expect(like.name).toBe("Other");
    await answer("editOptions", { path: "/images/Other/options", body: { imageConf: { set: { size: 20 } } } });
    const file = await answer("readFile", { path: "/images/Other/files/image.conf" });
    await answer("saveFile", {
      path: "/images/Other/files/image.conf",
      body: { text: `${file.text}# more\n`, sha256: file.sha256 },
    });
    const archive = await fetch(`${controller.url}/api/v1/images/Other/export`, {
      headers: { authorization: `Bearer ${token}` },
    });
    expect(archive.headers.get("content-type")).toMatch(/^application\//);
    const imported = await fetch(`${controller.url}/api/v1/images/import?name=Third`, {
      method: "POST",
      headers: { authorization: `Bearer ${token}`, "content-type": "application/octet-stream" },
      body: await archive.arrayBuffer(),
    });
    expect(imported.status).toBe(201);
    expectAnswer("importImage", await imported.json());
    await answer("removeImage", { path: "/images/Third" });
  });

  test("of jobs and VMs, as far as they can be had without a host", async () => {
    await answer("listJobs");
    await answer("listVms");
  });
});

test("every route with JSON has been seen to keep to the document, but for those that need a host", () => {
  // Those of jobs and VMs are held against the contract by the tests of the whole system.
  const needHost = /^(provision|dryRun|showJob|cancelJob|retryJob|showVm|startVm|shutdownVm|destroyVm|removeVm)$/;
  const json = table.filter(([name, route]) => route.response !== undefined && !needHost.test(name));
  expect(json.map(([name]) => name).filter((name) => !answered.has(name))).toEqual([]);
});

function makeImage(name: string): void {
  const store = join(controller.folder, "store");
  for (const tree of ["common", "custom_scripts"]) mkdirSync(join(store, tree), { recursive: true });
  mkdirSync(join(store, name));
  writeFileSync(join(store, name, "image.conf"), "# one\nsize = 10\n");
  writeFileSync(join(store, name, "vm_conf.template"), "name = ''\nimage_name = 'Tiny'\nmemory = 256\ndisk = []\n");
  writeFileSync(join(store, name, "provision.sh"), "#!/bin/bash\ntrue\n", { mode: 0o755 });
  writeFileSync(join(store, name, "description.htm"), "<b>Tiny</b>");
}
