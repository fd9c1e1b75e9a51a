// What a request shows to say who sends it: a token in its header, or the session's cookie, which works only from the controller's own pages.
import type { IncomingHttpHeaders } from "node:http";
import { Refusal } from "../errors/refusal.js";

export const cookieName = "convirt_session";

/** The part of a request that says who sends it. */
export interface Asking {
  method: string;
  headers: IncomingHttpHeaders;
}

export type Credential = { kind: "token" | "session"; secret: string };

/** Undefined when the request shows none. Throws Refusal foreign_origin for a change that another site's page asks for. */
export function credentialOf({ method, headers }: Asking): Credential | undefined {
  const bearer = /^Bearer ([A-Za-z0-9_-]{1,200})$/i.exec(headers.authorization ?? "")?.[1];
  if (bearer !== undefined) return { kind: "token", secret: bearer };
  const cookie = cookieOf(headers.cookie);
  if (cookie === undefined) return undefined;
  const { origin, host } = headers;
  if (method !== "GET" && method !== "HEAD" && origin !== undefined && !sameHost(origin, host)) {
    throw new Refusal("foreign_origin", `A page of ${origin.slice(0, 200)} may not act in your name`);
  }
  return { kind: "session", secret: cookie };
}

function sameHost(origin: string, host: string | undefined): boolean {
  return URL.canParse(origin) && new URL(origin).host === host?.toLowerCase();
}

function cookieOf(header: string | undefined): string | undefined {
  for (const part of header?.split(";") ?? []) {
    const [name, value] = part.trim().split("=");
    if (name === cookieName && value !== undefined && /^[A-Za-z0-9_-]{1,100}$/.test(value)) return value;
  }
  return undefined;
}
