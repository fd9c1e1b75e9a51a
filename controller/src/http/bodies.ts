// Bodies of requests: JSON is read within a limit, archives are left to who reads them as they come, and everything else is refused before it is read. What is
// too large is refused as soon as that is known, and no more of it is kept: a body of any size costs no more memory than its limit.
import type { Request, RequestHandler } from "express";
import { apiPrefix } from "../config/api.js";
import { Refusal } from "../errors/refusal.js";

const smallLimit = 1.5 * 1024 * 1024;
/** A file of an image, of 1 MiB, as JSON in which every character is escaped. */
const largeLimit = 8 * 1024 * 1024;
const dropBytes = 8 * 1024 * 1024;
const dropMs = 2_000;
const importPath = `${apiPrefix}/images/import`;
const mostDepth = 64;
const loneSurrogate = /\p{Surrogate}/u;
const utf8 = new TextDecoder("utf-8", { fatal: true });

/** Express middleware. Throws Refusal body_too_large, invalid_body, unsupported_media_type. */
export function readBodies(): RequestHandler {
  return (request, response, next) => {
    if (request.path === importPath) {
      // Who reads an archive stops where it is refused: the next request on this connection stands behind the rest of it.
      response.once("finish", () => {
        if (!request.complete) drop(request);
      });
    }
    if (request.path === importPath || !hasBody(request)) {
      next();
      return;
    }
    readJson(request).then(
      (body) => {
        request.body = body;
        next();
      },
      (error: unknown) => {
        next(error);
        // All of it has come: the connection is good for the next request.
        if (!request.complete) drop(request);
      },
    );
  };
}

/**
 * Lets the rest of a refused body run out, a little of it and for a moment; then the connection ends. Ended at once, a client that is still sending
 * would see a broken connection in place of the answer.
 */
function drop(request: Request): void {
  let left = dropBytes;
  const end = () => request.socket.destroy();
  const timer = setTimeout(end, dropMs);
  request.on("data", (chunk: Buffer) => {
    left -= chunk.length;
    if (left < 0) end();
  });
  request.once("close", () => clearTimeout(timer));
  request.resume();
}

function hasBody(request: Request): boolean {
  return request.headers["transfer-encoding"] !== undefined || Number(request.headers["content-length"] ?? 0) > 0;
}

async function readJson(request: Request): Promise<unknown> {
  const { "content-type": type = "nothing", "content-encoding": encoding = "identity" } = request.headers;
  if (!request.is("application/json") || encoding !== "identity" || !/^[^;]*(;\s*charset="?utf-8"?\s*)?$/i.test(type))
    throw new Refusal(
      "unsupported_media_type",
      `The body is declared as ${type.slice(0, 100)} (${encoding.slice(0, 40)}); application/json in UTF-8, not compressed, is wanted`,
    );
  const bytes = await read(request, request.method === "PUT" ? largeLimit : smallLimit);
  const isNot = (found: string) =>
    new Refusal(
      "invalid_body",
      `The body of ${request.method} ${request.path} is not JSON that is taken here: ${found}`,
    );
  let body: unknown;
  try {
    body = JSON.parse(utf8.decode(bytes));
  } catch (error) {
    throw isNot(error instanceof Error ? error.message : String(error));
  }
  const found = unfit(body);
  if (found !== undefined) throw isNot(found);
  return body;
}

/**
 * What no room is given: values so deep that whoever goes through them would come to the end of the stack, and halves of a surrogate pair, which no encoding can
 * store and so nobody could give back.
 */
function unfit(body: unknown): string | undefined {
  const open: [unknown, number][] = [[body, 1]];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const [value, depth] = next;
    if (typeof value === "string" && loneSurrogate.test(value)) return "a text in it holds half of a character";
    if (typeof value !== "object" || value === null) continue;
    if (depth > mostDepth) return `it is nested deeper than ${mostDepth} levels`;
    for (const [key, inner] of Object.entries(value)) open.push([key, depth], [inner, depth + 1]);
  }
  return undefined;
}

function read(request: Request, limit: number): Promise<Buffer> {
  const tooLarge = () =>
    new Refusal("body_too_large", `The body is larger than the ${limit} bytes that are taken here`);
  return new Promise((resolve, reject) => {
    if (Number(request.headers["content-length"] ?? 0) > limit) {
      reject(tooLarge());
      return;
    }
    const chunks: Buffer[] = [];
    let length = 0;
    const take = (chunk: Buffer) => {
      length += chunk.length;
      if (length <= limit) chunks.push(chunk);
      else settle(() => reject(tooLarge()));
    };
    const end = () => settle(() => resolve(Buffer.concat(chunks, length)));
    const cut = () => settle(() => reject(new Refusal("invalid_body", "The body ended before all of it had come")));
    const settle = (outcome: () => void) => {
      request.off("data", take).off("end", end).off("close", cut).off("error", cut);
      request.pause();
      outcome();
    };
    request.on("data", take).on("end", end).on("close", cut).on("error", cut);
  });
}
