// Holds real answers against the published OpenAPI document and against the contract; for tests.
import type { Route } from "@convirt/contract/route";
import { type RouteName, routes } from "@convirt/contract/routes";
import { Ajv2020, type ValidateFunction } from "ajv/dist/2020.js";
import addFormats from "ajv-formats";
import { openApiDocument } from "./http/openapi.js";

const ajv = new Ajv2020({ strict: false, allErrors: true });
addFormats.default(ajv);
ajv.addSchema(openApiDocument(), "document");
const compiled = new Map<RouteName, ValidateFunction>();

/** Throws, with all that is wrong, unless `body` is what the document promises of the route, and the contract need not drop a field of it. */
export function expectAnswer(name: RouteName, body: unknown): void {
  const route: Route = routes[name];
  const holds = compiled.get(name) ?? ajv.compile({ $ref: `document#/${pointerTo(route)}` });
  compiled.set(name, holds);
  if (!holds(body))
    throw new Error(`${name} answers otherwise than the document says: ${ajv.errorsText(holds.errors)}`);
  const parsed = JSON.stringify(route.response?.parse(body));
  if (parsed.length !== JSON.stringify(body).length)
    throw new Error(`${name} answers more than the contract has: ${JSON.stringify(body)}, of which it has ${parsed}`);
}

function pointerTo(route: Route): string {
  const path = `/api/v1${route.path.replace(/[:*]([a-z]+)/gi, "{$1}")}`;
  const parts = ["paths", path, route.method.toLowerCase(), "responses", String(route.status)];
  return [...parts, "content", "application/json", "schema"].map(escapePart).join("/");
}

function escapePart(part: string): string {
  return encodeURIComponent(part.replaceAll("~", "~0").replaceAll("/", "~1"));
}
