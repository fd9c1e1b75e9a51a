// The one place where what was thrown becomes an answer: refusals by their code, Nest's own few errors by theirs, everything else a plain 500 that is logged
// once with its stack.

import type { ErrorBody } from "@convirt/contract/error";
import { type ArgumentsHost, Catch, type ExceptionFilter, HttpException, Logger } from "@nestjs/common";
import type { Request, Response } from "express";
import { Refusal } from "./refusal.js";

interface Issue {
  path?: readonly (PropertyKey | { key: PropertyKey })[] | undefined;
  message: string;
}

/** Names every field that is wrong, at most this many of them. */
const mostFields = 50;

/** What the validation of bodies and queries throws. */
export function invalidBody(issues: readonly Issue[]): Refusal {
  const fields = issues.slice(0, mostFields).map((issue) => ({
    path: (issue.path ?? []).map((part) => String(typeof part === "object" ? part.key : part)).join("."),
    message: issue.message,
  }));
  const named = fields
    .map((field) => (field.path === "" ? field.message : `${field.path}: ${field.message}`))
    .join("; ");
  return new Refusal("invalid_body", `The request is not well formed: ${named}`, { fields });
}

@Catch()
export class ErrorFilter implements ExceptionFilter {
  private readonly log = new Logger("http");

  catch(error: unknown, host: ArgumentsHost): void {
    const http = host.switchToHttp();
    const response = http.getResponse<Response>();
    const { status, body, retryAfterS } = this.answer(error, http.getRequest<Request>());
    if (response.headersSent) {
      response.destroy();
      return;
    }
    if (retryAfterS !== undefined) response.setHeader("retry-after", String(retryAfterS));
    response.status(status).json(body);
  }

  private answer(error: unknown, request: Request): { status: number; body: ErrorBody; retryAfterS?: number } {
    if (error instanceof Refusal) {
      const { fields, details, retryAfterS } = error.more;
      const body = {
        code: error.code,
        message: error.message,
        ...(fields ? { fields } : {}),
        ...(details ? { details } : {}),
      } as ErrorBody;
      return { status: error.status, body, ...(retryAfterS === undefined ? {} : { retryAfterS }) };
    }
    if (isTooLarge(error))
      return {
        status: 413,
        body: { code: "body_too_large", message: "The request's body is larger than is taken here" },
      };
    if (isMalformed(error))
      return { status: 400, body: { code: "invalid_body", message: "The request's body is not JSON" } };
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

function isTooLarge(error: unknown): boolean {
  return (
    (error as { type?: string } | null)?.type === "entity.too.large" ||
    (error instanceof HttpException && error.getStatus() === 413)
  );
}

function isMalformed(error: unknown): boolean {
  const { type } = (error ?? {}) as { type?: string };
  return type === "entity.parse.failed" || type === "encoding.unsupported" || type === "charset.unsupported";
}

/** What Nest itself throws: a path that nobody serves, above all. */
function fromNest(error: HttpException, request: Request): { status: number; body: ErrorBody } {
  const status = error.getStatus();
  if (status === 404)
    return { status, body: { code: "not_found", message: `There is no ${request.method} ${request.path}` } };
  return { status, body: { code: status === 415 ? "unsupported_media_type" : "bad_request", message: error.message } };
}
