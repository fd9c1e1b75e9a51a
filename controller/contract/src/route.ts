// What a route of the HTTP API says of itself. Paths are relative to /api/v1, parameters as `:name`. `stream` marks an answer or a body that is not JSON.
import * as z from "zod";
import type * as session from "./session.js";

/**
 * What a route acts on, and so what its role must be held for.
 * `host`, `image`: what the path names. `vm`, `job`: the host of what the path names. `request`: the host and the image that the body names; overwriting disks
 * takes `vm_admin` on the host. `retry`: both of the job that the path names. `copy`: an image of the name in the body; seeing the one in the path is enough.
 * `some`: anything at all; the answer holds what one may see, and what is received is judged by the name that it turns out to have.
 */
export type RouteTarget = "host" | "image" | "vm" | "job" | "request" | "retry" | "copy" | "some";

export interface Route {
  method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  path: string;
  summary: string;
  /** The least role that may; `anyone` needs no sign-in, `signed_in` no role. */
  role: session.Role | "anyone" | "signed_in";
  /** What the role must be held for; left out, for everything. */
  on?: RouteTarget;
  status: number;
  query?: z.ZodType;
  body?: z.ZodType;
  /** Whether the audit records it, where that is another than by the method: of GET nothing is, of all others everything. */
  audited?: boolean;
  /** The media type of a body that is streamed and not parsed. */
  bodyStream?: string;
  response?: z.ZodType;
  responseStream?: string;
}

/** The answer where there is nothing to say but that it is done. */
export const done = z.object({ ok: z.literal(true) });
