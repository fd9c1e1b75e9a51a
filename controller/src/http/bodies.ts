// Bodies of requests: JSON is parsed within a limit, archives are left to who reads them as they come, and everything else is refused before it is read.
import type { ErrorRequestHandler, NextFunction, Request, RequestHandler, Response } from "express";
import express from "express";
import { apiPrefix } from "../config/api.js";
import { Refusal } from "../errors/refusal.js";

const smallLimit = 1.5 * 1024 * 1024;
/** A file of an image, of 1 MiB, as JSON in which every character is escaped. */
const largeLimit = 8 * 1024 * 1024;
const importPath = `${apiPrefix}/images/import`;

/** Express middleware. Throws Refusal body_too_large, invalid_body, unsupported_media_type. */
export function readBodies(): RequestHandler {
  const small = express.json({ limit: smallLimit, strict: false });
  const large = express.json({ limit: largeLimit, strict: false });
  return (request, response, next) => {
    if (request.path === importPath || !hasBody(request)) {
      next();
    } else if (request.is("application/json")) {
      const parse = request.method === "PUT" ? large : small;
      parse(request, response, (error?: unknown) => {
        if (error === undefined) next();
        else refused(error, request, response, next);
      });
    } else {
      next(notJson(request));
    }
  };
}

function hasBody(request: Request): boolean {
  return request.headers["transfer-encoding"] !== undefined || Number(request.headers["content-length"] ?? 0) > 0;
}

function notJson(request: Request): Refusal {
  const type = request.headers["content-type"]?.slice(0, 100) ?? "nothing";
  return new Refusal("unsupported_media_type", `The body is declared as ${type}; application/json is wanted`);
}

/** The parser's errors, by its own names for them. */
const refused: ErrorRequestHandler = (error: unknown, request: Request, response: Response, next: NextFunction) => {
  const { type, limit } = error as { type?: string; limit?: number };
  if (type === "entity.too.large") {
    // What is left of it is not read: the connection ends with the answer.
    response.setHeader("connection", "close");
    next(new Refusal("body_too_large", `The request's body is larger than the ${limit} bytes that are taken here`));
  } else if (type === "encoding.unsupported" || type === "charset.unsupported") {
    next(
      new Refusal("unsupported_media_type", "The body must be JSON in UTF-8, plain or compressed by gzip or deflate"),
    );
  } else if (type === "entity.parse.failed") {
    next(new Refusal("invalid_body", `The body of ${request.method} ${request.path} is not JSON`));
  } else if (type === "request.aborted" || type === "request.size.invalid") {
    next(new Refusal("invalid_body", "The body ended before all of it had come"));
  } else {
    next(error);
  }
};
