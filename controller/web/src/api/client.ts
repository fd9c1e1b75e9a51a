// Requests to the API. What may be asked, with what, and what comes back are the contract's route table, by inference: `call("GET /hosts/:name", …)`. Only its
// types are used, so that none of its code travels to the browser.
import type { ErrorBody } from "@convirt/contract/error";
import type { routes } from "@convirt/contract/routes";
import type { z } from "zod";

type Table = typeof routes;
type ByAct = { [N in keyof Table as `${Table[N]["method"]} ${Table[N]["path"]}`]: Table[N] };
export type Act = keyof ByAct;
export type Answer<A extends Act> = ByAct[A] extends { response: infer S extends z.ZodType } ? z.output<S> : undefined;
export type Body<A extends Act> = ByAct[A] extends { body: infer S extends z.ZodType } ? z.input<S> : undefined;
type QueryOf<A extends Act> = ByAct[A] extends { query: infer S extends z.ZodType }
  ? z.output<S>
  : Record<string, never>;
export type Query<A extends Act> = { [K in keyof QueryOf<A>]?: QueryOf<A>[K] | undefined };
type Params<P> = P extends `${string}${":" | "*"}${infer Rest}`
  ? Rest extends `${infer Name}/${infer Tail}`
    ? Name | Params<Tail>
    : Rest
  : never;

export type Options<A extends Act> = {
  query?: Query<A>;
  signal?: AbortSignal;
  /** Bytes in place of a JSON body. */
  bytes?: Blob;
  /** Makes a repeated POST one act. */
  key?: string;
} & (Params<A> extends never ? { params?: undefined } : { params: Record<Params<A>, string> }) &
  (Body<A> extends undefined ? { body?: undefined } : { body: Body<A> });

/** An answer that was an error: the API's own words and code; `offline` when no answer came at all. */
export class ApiError extends Error {
  override readonly name = "ApiError";
  readonly status: number;
  readonly body: ErrorBody;

  constructor(status: number, body: ErrorBody) {
    super(body.message);
    this.status = status;
    this.body = body;
  }

  get code(): string {
    return this.body.code;
  }
}

/** Called when the controller says that nobody is signed in. */
let onSignedOut: () => void = () => undefined;
export function whenSignedOut(listener: () => void): void {
  onSignedOut = listener;
}

export async function call<A extends Act>(act: A, ...[options]: CallArguments<A>): Promise<Answer<A>> {
  const response = await send(act, options as AnyOptions | undefined);
  return (await response.json()) as Answer<A>;
}

// biome-ignore lint/complexity/noBannedTypes: `{}` here asks whether nothing is required.
type CallArguments<A extends Act> = {} extends Options<A> ? [options?: Options<A>] : [options: Options<A>];

interface AnyOptions {
  params?: Record<string, string>;
  query?: Record<string, unknown>;
  body?: unknown;
  bytes?: Blob;
  key?: string;
  signal?: AbortSignal;
  headers?: Record<string, string>;
}

/** The address of a route, for links and streams. */
export function addressOf(act: Act, { params = {}, query = {} }: AnyOptions = {}): string {
  const path = act
    .slice(act.indexOf(" ") + 1)
    .replace(/[:*]([a-zA-Z]+)/g, (_, name: string) =>
      (params[name] ?? "").split("/").map(encodeURIComponent).join("/"),
    );
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) if (value !== undefined) search.set(name, String(value));
  return `/api/v1${path}${search.size > 0 ? `?${search}` : ""}`;
}

/** Sends, and throws ApiError for every answer that is an error. */
export async function send(act: Act, options: AnyOptions = {}): Promise<Response> {
  const { body, bytes, key, signal } = options;
  const headers: Record<string, string> = { ...options.headers };
  if (body !== undefined) headers["content-type"] = "application/json";
  if (bytes !== undefined) headers["content-type"] = "application/octet-stream";
  if (key !== undefined) headers["idempotency-key"] = key;
  const content = bytes ?? (body === undefined ? null : JSON.stringify(body));
  const init: RequestInit = { method: act.slice(0, act.indexOf(" ")), headers, body: content };
  if (signal !== undefined) init.signal = signal;
  const response = await fetch(addressOf(act, options), init).catch((error: unknown) => {
    if (signal?.aborted === true) throw error;
    throw new ApiError(0, {
      code: "offline",
      message: "The controller does not answer: is it running, and is the network up?",
    });
  });
  if (response.ok) return response;
  const answer = await errorOf(response);
  if (response.status === 401 && act !== "POST /session") onSignedOut();
  throw answer;
}

async function errorOf(response: Response): Promise<ApiError> {
  const text = await response.text();
  const isJson = response.headers.get("content-type")?.includes("json") ?? false;
  const body = isJson
    ? (JSON.parse(text) as ErrorBody)
    : { code: "internal", message: `The controller answered ${response.status} without a reason` };
  return new ApiError(response.status, body);
}
