// The OpenAPI 3.1 document, made from the contract's route table: what is published is what the guard and the validation go by.
import { errorBody } from "@convirt/contract/error";
import type { Route, RouteTarget } from "@convirt/contract/route";
import { routes } from "@convirt/contract/routes";
import { Controller, Get } from "@nestjs/common";
import * as z from "zod";
import { apiPrefix } from "../config/api.js";
import { version } from "../config/version.js";

type Json = Record<string, unknown>;

@Controller()
export class OpenApiController {
  private document: Json | undefined;

  @Get("openapi.json")
  show(): Json {
    this.document ??= openApiDocument();
    return this.document;
  }
}

export function openApiDocument(): Json {
  const schemas = new Schemas();
  const paths: Record<string, Json> = {};
  for (const [name, route] of Object.entries(routes) as [string, Route][]) {
    const path = apiPrefix + route.path.replace(/[:*]([a-zA-Z]+)/g, "{$1}");
    paths[path] = { ...paths[path], [route.method.toLowerCase()]: operation(name, route, schemas) };
  }
  const error = schemas.of(errorBody, "output");
  return {
    openapi: "3.1.0",
    info: {
      title: "ConVirt",
      version,
      description: "Images, hosts, VMs and provision jobs. Errors carry a code; see docs/errors.md.",
    },
    paths,
    components: {
      schemas: { Error: error, ...schemas.shared },
      securitySchemes: {
        token: { type: "http", scheme: "bearer" },
        session: { type: "apiKey", in: "cookie", name: "convirt_session" },
      },
    },
  };
}

/** JSON schemas of the contract's shapes. What refers to itself, as JSON within JSON does, stands once among the document's components. */
class Schemas {
  readonly shared: Record<string, unknown> = {};

  of(type: z.ZodType, io: "input" | "output"): Json {
    const { $schema: _, $defs = {}, ...json } = z.toJSONSchema(type, { io, unrepresentable: "any" }) as Json;
    let text = JSON.stringify(json);
    for (const [local, definition] of Object.entries($defs as Json)) {
      const point = (from: string, to: string) => from.replaceAll(`"#/$defs/${local}"`, `"#/components/schemas/${to}"`);
      const name = this.nameFor((to) => point(JSON.stringify(definition), to));
      this.shared[name] = JSON.parse(point(JSON.stringify(definition), name));
      text = point(text, name);
    }
    return JSON.parse(text) as Json;
  }

  /** That of an equal one, or the next that is free. */
  private nameFor(textAs: (name: string) => string): string {
    for (let n = 1; ; n += 1) {
      const name = n === 1 ? "Value" : `Value${n}`;
      const known = this.shared[name];
      if (known === undefined || JSON.stringify(known) === textAs(name)) return name;
    }
  }
}

function operation(name: string, route: Route, schemas: Schemas): Json {
  const answer =
    route.responseStream === undefined
      ? { "application/json": { schema: route.response === undefined ? {} : schemas.of(route.response, "output") } }
      : { [route.responseStream]: {} };
  const error = {
    description: "A refusal, with its code",
    content: { "application/json": { schema: { $ref: "#/components/schemas/Error" } } },
  };
  return {
    operationId: name,
    summary: route.summary,
    ...(route.role === "anyone"
      ? { security: [] }
      : { security: [{ token: [] }, { session: [] }], description: needed(route) }),
    parameters: [
      ...pathParameters(route),
      ...queryParameters(route, schemas),
      ...(route.method === "POST" ? [idempotencyKey] : []),
    ],
    ...requestBody(route, schemas),
    responses: { [route.status]: { description: "Done", content: answer }, default: error },
  };
}

const idempotencyKey = {
  name: "Idempotency-Key",
  in: "header",
  required: false,
  schema: { type: "string", maxLength: 200 },
  description: "Made once for one wish: the same request with the same key has one effect and one answer.",
};

function pathParameters(route: Route): Json[] {
  return [...route.path.matchAll(/[:*]([a-zA-Z]+)/g)].map(([, name]) => ({
    name,
    in: "path",
    required: true,
    schema: { type: "string" },
  }));
}

function queryParameters(route: Route, schemas: Schemas): Json[] {
  if (!(route.query instanceof z.ZodObject)) return [];
  return Object.entries(route.query.shape).map(([name, field]) => ({
    name,
    in: "query",
    required: false,
    schema: schemas.of(field as z.ZodType, "input"),
  }));
}

function requestBody(route: Route, schemas: Schemas): Json {
  if (route.bodyStream !== undefined) return { requestBody: { required: true, content: { [route.bodyStream]: {} } } };
  return route.body === undefined
    ? {}
    : { requestBody: { required: true, content: { "application/json": { schema: schemas.of(route.body, "input") } } } };
}

const targets: Record<RouteTarget, string> = {
  host: "the host",
  image: "the image",
  vm: "the VM's host",
  job: "the job's host",
  request: "the host and the image; `replaceDisks` needs vm_admin for the host",
  retry: "the job's host and image",
  copy: "the new image's name, and viewer for the other image",
  some: "anything; the answer holds what one may see",
};

function needed({ role, on }: Route): string {
  if (role === "signed_in") return "Needs a sign-in, and no role.";
  return `Needs the role ${role} for ${on === undefined ? "everything" : targets[on]}.`;
}
