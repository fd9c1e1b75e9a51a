// Records requests. It stands around the answer: what was asked is known from the request, who from the guard, what came of it from the answer, and an answer goes
// out when its record is stored. Requests that change nothing are not recorded, nor those of nobody: they would be anybody's to fill the table with.
import type { AuditOutcome } from "@convirt/contract/audit";
import type { Route } from "@convirt/contract/route";
import { routes } from "@convirt/contract/routes";
import { Injectable, Logger } from "@nestjs/common";
import type { NextFunction, Request, Response } from "express";
import { apiPrefix } from "../config/api.js";
import { Refusal } from "../errors/refusal.js";
import { AuditService, type NewRecord } from "./audit.service.js";
import { objectsOf } from "./objects.js";
import { redact, without } from "./redact.js";

interface Asker {
  username: string;
  via: "session" | "token";
  tokenName?: string;
}

type Asked = Request & {
  identity?: Asker;
  commands?: readonly string[];
  secretNames?: ReadonlySet<string>;
  route?: { path: string };
};

const table = new Map(
  Object.entries(routes).map(([name, route]: [string, Route]) => [
    `${route.method} ${apiPrefix}${route.path}`,
    { name, route },
  ]),
);
const longestReason = 500;

@Injectable()
export class RequestAudit {
  private readonly log = new Logger("audit");

  constructor(private readonly audit: AuditService) {}

  /** Express middleware; stands behind the parsing of bodies and the answers that are kept. Throws Refusal bad_request for a reason that is none. */
  readonly handle = (request: Asked, response: Response, next: NextFunction): void => {
    const reason = reasonOf(request);
    const json = response.json.bind(response);
    response.json = (body: unknown) => {
      const record = recordOf(request, response.statusCode, body, reason);
      if (record === undefined) return json(body);
      this.audit
        .add(record)
        // What was done is done. The answer says so, and the log has what the table could not take.
        .catch((error: unknown) => this.log.error({ msg: "Cannot keep a record of the audit", record, err: error }))
        .then(() => json(body), next);
      return response;
    };
    response.once("finish", () => {
      // An answer that was streamed, with nothing of its own to say.
      if (table.get(keyOf(request))?.route.responseStream === undefined || response.statusCode >= 400) return;
      const record = recordOf(request, response.statusCode, undefined, reason);
      if (record !== undefined)
        this.audit
          .add(record)
          .catch((error: unknown) => this.log.error({ msg: "Cannot keep a record of the audit", record, err: error }));
    });
    next();
  };
}

function keyOf({ method, route }: Asked): string {
  return `${method} ${route?.path ?? ""}`;
}

function recordOf(request: Asked, status: number, answer: unknown, reason: string | undefined): NewRecord | undefined {
  const entry = table.get(keyOf(request));
  if (entry === undefined || !(entry.route.audited ?? request.method !== "GET")) return undefined;
  const said = (answer ?? {}) as { code?: unknown; message?: unknown };
  const code = status >= 400 && typeof said.code === "string" ? said.code : null;
  const who = askerOf(request, entry.name, code);
  if (who === undefined) return undefined;
  const { params, query, body } = request;
  // What is not well formed has not been looked at by anybody who could say what in it is secret.
  const known = code === "invalid_body" ? {} : named("body", body);
  const { secretNames } = request;
  const isSecret = (name: string) => secretNames?.has(name) ?? false;
  const asked = redact({ ...named("params", params), ...named("query", query), ...known }, isSecret);
  const message = code !== null && typeof said.message === "string" ? without(said.message, asked.secrets) : null;
  const given = (body as { reason?: unknown } | undefined)?.reason;
  return {
    ...who,
    address: (request.ip ?? "").slice(0, 64),
    action: entry.name,
    objects: objectsOf(entry.route, request, status < 400 ? answer : undefined),
    reason: reason ?? (typeof given === "string" && given !== "" ? given.slice(0, longestReason) : null),
    asked: asked.text,
    outcome: outcomeOf(status),
    code,
    message,
    commands: [...(request.commands ?? [])],
  };
}

function outcomeOf(status: number): AuditOutcome {
  return status < 400 ? "done" : status < 500 ? "refused" : "failed";
}

function named(name: string, value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null && Object.keys(value).length > 0 ? { [name]: value } : {};
}

/** Undefined for nobody. A password that is wrong is recorded under the name that was given; too many of them once in the log, and not here. */
function askerOf(
  { identity, body }: Asked,
  action: string,
  code: string | null,
): Pick<NewRecord, "username" | "via" | "token"> | undefined {
  if (identity !== undefined)
    return { username: identity.username, via: identity.via, token: identity.tokenName ?? null };
  if (action === "enrol" && code === null) return { username: null, via: "invitation", token: null };
  const username = (body as { username?: unknown } | undefined)?.username;
  if (action === "signIn" && (code === null || code === "wrong_credentials") && typeof username === "string")
    return { username: username.slice(0, 64), via: "password", token: null };
  return undefined;
}

/** Why, in the asker's words: percent-encoded UTF-8 in a header, as headers hold ASCII alone. */
function reasonOf(request: Request): string | undefined {
  const header = request.headers["convirt-reason"];
  if (typeof header !== "string" || header === "") return undefined;
  let reason: string;
  try {
    reason = decodeURIComponent(header)
      .replace(/\p{Cc}/gu, " ")
      .trim();
  } catch {
    throw new Refusal("bad_request", "The Convirt-Reason must be percent-encoded UTF-8");
  }
  if (reason.length > longestReason)
    throw new Refusal(
      "bad_request",
      `The Convirt-Reason holds ${reason.length} characters; ${longestReason} are the most`,
    );
  return reason === "" ? undefined : reason;
}
