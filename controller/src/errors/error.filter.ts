// The one place where what was thrown becomes an answer: refusals by their code, Nest's own few errors by theirs, everything else a plain 500 that is logged
// once with its stack.

import type { ErrorBody } from "@convirt/contract/error";
import { type ArgumentsHost, Catch, type ExceptionFilter, HttpException, Logger } from "@nestjs/common";
import type { Request, Response } from "express";
import { storageRefusal } from "../database/storage-error.js";
import { AgentUnavailable } from "./agent-unavailable.js";
import { Refusal } from "./refusal.js";

interface Issue {
  path?: readonly (PropertyKey | { key: PropertyKey })[] | undefined;
  message: string;
  /** What zod says of fields that it does not know: their names, not a path to each. */
  keys?: readonly string[];
}

/** Names every field that is wrong, at most this many of them. */
const mostFields = 50;

/** What the validation of bodies and queries throws. */
export function invalidBody(issues: readonly Issue[]): Refusal {
  const fields = issues.flatMap(fieldsOf).slice(0, mostFields);
  const named = fields
    .map((field) => (field.path === "" ? field.message : `${field.path}: ${field.message}`))
    .join("; ");
  return new Refusal("invalid_body", `The request is not well formed: ${named}`, { fields });
}

function fieldsOf({ path = [], message, keys }: Issue): { path: string; message: string }[] {
  const at = path.map((part) => String(typeof part === "object" ? part.key : part));
  if (keys === undefined) return [{ path: at.join("."), message }];
  return keys.map((key) => ({ path: [...at, key.slice(0, 200)].join("."), message: "is not known here" }));
}

@Catch()
export class ErrorFilter implements ExceptionFilter {
  private readonly log = new Logger("http");

  catch(error: unknown, host: ArgumentsHost): void {
    const http = host.switchToHttp();
    this.send(error, http.getRequest<Request>(), http.getResponse<Response>());
  }

  /** Answers what was thrown outside of Nest, too. */
  send(error: unknown, request: Request, response: Response): void {
    const { status, body, retryAfterS } = this.answer(error, request);
    if (response.headersSent) {
      response.destroy();
      return;
    }
    if (retryAfterS !== undefined) response.setHeader("retry-after", String(retryAfterS));
    response.status(status).json(body);
  }

  private answer(error: unknown, request: Request): { status: number; body: ErrorBody; retryAfterS?: number } {
    const refusal = error instanceof Refusal ? error : storageRefusal(error);
    if (refusal !== undefined) {
      if (refusal !== error) this.log.error({ msg: refusal.message, err: error });
      const { fields, details, retryAfterS } = refusal.more;
      const body = {
        code: refusal.code,
        message: refusal.message,
        ...(fields ? { fields } : {}),
        ...(details ? { details } : {}),
      } as ErrorBody;
      return { status: refusal.status, body, ...(retryAfterS === undefined ? {} : { retryAfterS }) };
    }
    if (error instanceof AgentUnavailable) return { status: 409, body: unanswered(error) };
    if (error instanceof HttpException) return fromNest(error, request);
    this.log.error({
      msg: "A request met an error of the controller's own",
      method: request.method,
      path: request.path,
      err: error,
    });
    return {
      status: 500,
      body: { code: "internal", message: "The controller met an error of its own; its log has it" },
    };
  }
}

function unanswered(error: AgentUnavailable): ErrorBody {
  return { code: "host_not_in_contact", message: `Contact with the host was lost in the middle: ${error.message}` };
}

/** What Nest itself throws: a path that nobody serves, above all. */
function fromNest(error: HttpException, request: Request): { status: number; body: ErrorBody } {
  const status = error.getStatus();
  if (status === 404)
    return {
      status,
      body: { code: "not_found", message: `There is no ${request.method} ${request.originalUrl.replace(/\?.*/s, "")}` },
    };
  return { status, body: { code: "bad_request", message: error.message } };
}
