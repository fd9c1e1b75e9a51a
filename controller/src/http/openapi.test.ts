import type { Route } from "@convirt/contract/route";
import { type RouteName, routes } from "@convirt/contract/routes";
import { Validator } from "@seriousme/openapi-schema-validator";
import { Ajv2020 } from "ajv/dist/2020.js";
import addFormats from "ajv-formats";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { TestController } from "../testing.js";
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

beforeAll(async () => {
  controller = await TestController.start();
  token = await controller.tokenFor("admin");
});
afterAll(() => controller.end());

describe("the OpenAPI document", () => {
  test("is valid OpenAPI 3.1, and what is served is it", async () => {
    const { body: served } = await controller.call("GET", "/openapi.json");
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
