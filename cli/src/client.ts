// The controller's API, called by the names of the contract's route table. Knows how a request is put together and how an answer that is an error
// becomes the end of the command; knows nothing of what is shown.
import { randomUUID } from "node:crypto";
import type { Readable } from "node:stream";
import { errorBody } from "@convirt/contract/error";
import { type Route, type RouteName, routes } from "@convirt/contract/routes";
import { Agent, type Dispatcher, request } from "undici";
import type { z } from "zod";
import { CommandFailed, exitCodes } from "./exit.js";
import type { Settings } from "./settings.js";

type Answer<N extends RouteName> = (typeof routes)[N] extends { response: infer S extends z.ZodType }
  ? z.infer<S>
  : never;

export interface CallOptions {
  params?: Record<string, string>;
  query?: Record<string, string | number | boolean | undefined>;
  body?: unknown;
  stream?: Readable;
  headers?: Record<string, string>;
  signal?: AbortSignal;
}

export class Client {
  readonly #dispatcher: Agent;
  readonly #settings: Settings;

  constructor(settings: Settings) {
    this.#settings = settings;
    this.#dispatcher = new Agent({
      connect: settings.ca === undefined ? {} : { ca: settings.ca },
      // A log that is followed is silent for as long as the script is; the server's heartbeats come each 15 s.
      bodyTimeout: 60_000,
      headersTimeout: 300_000,
    });
  }

  get server(): string {
    return this.#settings.server;
  }

  async close(): Promise<void> {
    await this.#dispatcher.close();
  }

  /** Calls a route and returns its answer, checked against the contract. Throws CommandFailed with the controller's own words on an error. */
  async call<N extends RouteName>(name: N, options: CallOptions = {}): Promise<Answer<N>> {
    const route: Route = routes[name];
    const response = await this.open(name, options);
    const body = parse(await response.body.text());
    const checked = route.response?.safeParse(body);
    if (checked === undefined || !checked.success) {
      throw new CommandFailed(
        exitCodes.unreachable,
        `${route.method} ${this.#settings.server} answered with something that is not a ConVirt controller's answer. Is the address right, and are both of the same version?`,
        body,
      );
    }
    return checked.data as Answer<N>;
  }

  /** Opens a route whose answer is a stream. */
  async open(name: RouteName, options: CallOptions = {}): Promise<Dispatcher.ResponseData> {
    const route: Route = routes[name];
    const response = await this.#send(route, options);
    if (response.statusCode >= 400) throw asFailure(response.statusCode, parse(await response.body.text()));
    return response;
  }

  async #send(route: Route, options: CallOptions): Promise<Dispatcher.ResponseData> {
    const headers: Record<string, string> = { accept: route.responseStream ?? "application/json", ...options.headers };
    if (this.#settings.token !== undefined) headers["authorization"] = `Bearer ${this.#settings.token}`;
    if (route.method === "POST") headers["idempotency-key"] = randomUUID();
    if (options.body !== undefined) headers["content-type"] = "application/json";
    if (options.stream !== undefined) headers["content-type"] = route.bodyStream ?? "application/octet-stream";
    const body = options.stream ?? (options.body === undefined ? null : JSON.stringify(options.body));
    try {
      return await request(address(this.#settings.server, route, options), {
        method: route.method,
        headers,
        body,
        dispatcher: this.#dispatcher,
        signal: options.signal ?? null,
      });
    } catch (error) {
      if (options.signal?.aborted) throw error;
      throw unreachable(this.#settings.server, error);
    }
  }
}

function address(server: string, route: Route, options: CallOptions): string {
  const path = route.path.replace(/[:*]([a-zA-Z]+)/g, (_, name: string) => {
    const value = options.params?.[name];
    if (value === undefined) throw new Error(`${route.method} ${route.path} needs ${name}`);
    return value.split("/").map(encodeURIComponent).join("/");
  });
  const url = new URL(`/api/v1${path}`, server);
  for (const [key, value] of Object.entries(options.query ?? {})) {
    if (value !== undefined) url.searchParams.set(key, String(value));
  }
  return url.href;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function unreachable(server: string, error: unknown): CommandFailed {
  const code = (error as NodeJS.ErrnoException).code ?? "";
  const why = error instanceof Error ? error.message : String(error);
  const advice =
    code.includes("CERT") || code.includes("SELF_SIGNED")
      ? " If this is the controller's own authority, sign in with `convirt login` and accept it by its SHA-256."
      : " Is the controller running there? `convirt login URL` names another.";
  return new CommandFailed(exitCodes.unreachable, `Cannot reach the controller at ${server}: ${why || code}.${advice}`);
}

function asFailure(status: number, body: unknown): CommandFailed {
  const parsed = errorBody.safeParse(body);
  if (!parsed.success)
    return new CommandFailed(exitCodes.unreachable, `The controller answered ${status} without a reason.`, body);
  const { code, message, fields } = parsed.data;
  const lines = [`${message} [${code}]`, ...(fields ?? []).map((field) => `  ${field.path}: ${field.message}`)];
  if (code === "not_signed_in" || code === "token_expired") lines.push("  Sign in with: convirt login");
  const exitCode =
    status === 401 || status === 403 ? exitCodes.denied : status === 404 ? exitCodes.notFound : exitCodes.refused;
  return new CommandFailed(exitCode, lines.join("\n"), body);
}
