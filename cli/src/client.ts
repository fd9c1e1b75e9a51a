// The controller's API, called by the names of the contract's route table. Knows how a request is put together and how an answer that is an error
// becomes the end of the command; knows nothing of what is shown.
import { randomUUID } from "node:crypto";
import { Agent, request as httpRequest, type IncomingMessage } from "node:http";
import { request as httpsRequest, Agent as TlsAgent } from "node:https";
import type { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { errorBody } from "@convirt/contract/error";
import type { Route } from "@convirt/contract/route";
import { type RouteName, routes } from "@convirt/contract/routes";
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

/** A log that is followed is silent for as long as the script is; the server's heartbeats come each 15 s. */
const silenceMs = 60_000;

/** An answer whose body is yet to be read. */
export interface Opened {
  headers: IncomingMessage["headers"];
  body: IncomingMessage;
}

export class Client {
  readonly #settings: Settings;
  readonly #agent: Agent;
  readonly #reason: string | undefined;

  /** `reason` goes with every request, for the audit. */
  constructor(settings: Settings, reason?: string) {
    this.#settings = settings;
    this.#reason = reason;
    const isTls = settings.server.startsWith("https:");
    this.#agent = isTls
      ? new TlsAgent({ keepAlive: true, ...(settings.ca === undefined ? {} : { ca: settings.ca }) })
      : new Agent({ keepAlive: true });
  }

  get server(): string {
    return this.#settings.server;
  }

  async close(): Promise<void> {
    this.#agent.destroy();
  }

  /** Calls a route and returns its answer, checked against the contract. Throws CommandFailed with the controller's own words on an error. */
  async call<N extends RouteName>(name: N, options: CallOptions = {}): Promise<Answer<N>> {
    const route: Route = routes[name];
    const response = await this.open(name, options);
    const body = parse(await text(response.body));
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
  async open(name: RouteName, options: CallOptions = {}): Promise<Opened> {
    const route: Route = routes[name];
    const response = await this.#send(route, options);
    const status = response.statusCode ?? 0;
    if (status >= 400) throw asFailure(status, parse(await text(response)));
    return { headers: response.headers, body: response };
  }

  async #send(route: Route, options: CallOptions): Promise<IncomingMessage> {
    const headers: Record<string, string> = { accept: route.responseStream ?? "application/json", ...options.headers };
    if (this.#settings.token !== undefined) headers["authorization"] = `Bearer ${this.#settings.token}`;
    if (this.#reason !== undefined) headers["convirt-reason"] = encodeURIComponent(this.#reason);
    if (route.method === "POST") headers["idempotency-key"] = randomUUID();
    const body = options.body === undefined ? undefined : Buffer.from(JSON.stringify(options.body));
    if (body !== undefined)
      Object.assign(headers, { "content-type": "application/json", "content-length": String(body.length) });
    if (options.stream !== undefined) headers["content-type"] = route.bodyStream ?? "application/octet-stream";
    const url = address(this.#settings.server, route, options);
    try {
      return await new Promise((resolve, reject) => {
        const send = url.startsWith("https:") ? httpsRequest : httpRequest;
        const call = send(
          url,
          {
            method: route.method,
            headers,
            agent: this.#agent,
            ...(options.signal === undefined ? {} : { signal: options.signal }),
          },
          resolve,
        );
        call.once("error", reject);
        call.setTimeout(route.responseStream === undefined ? 0 : silenceMs, () =>
          call.destroy(new Error("nothing was heard for a minute")),
        );
        if (options.stream === undefined) call.end(body);
        // The controller may refuse before it has read all; its answer counts, not the broken pipe.
        else options.stream.once("error", (error) => reject(unreadable(error))).pipe(call);
      });
    } catch (error) {
      if (options.signal?.aborted || error instanceof CommandFailed) throw error;
      throw unreachable(this.#settings.server, error);
    }
  }
}

function address(server: string, route: Route, options: CallOptions): string {
  const path = route.path.replace(/[:*]([a-zA-Z]+)/g, (_, name: string) => {
    const value = options.params?.[name];
    if (value === undefined) throw new Error(`${route.method} ${route.path} needs ${name}`);
    const segments = value.split("/");
    // An address is read with its dots resolved: these would name another thing than was said.
    if (segments.some((segment) => ["", ".", ".."].includes(segment)))
      throw new CommandFailed(exitCodes.usage, `"${value}" is no ${name}: it holds an empty part, or dots alone.`);
    return segments.map(encodeURIComponent).join("/");
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

function unreadable(error: Error): CommandFailed {
  return new CommandFailed(exitCodes.refused, `Cannot read what is to be sent: ${error.message}.`);
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
  // A sentence that names the fields itself needs no list of them below.
  const unnamed = (fields ?? []).filter((field) => !message.includes(field.message));
  const lines = [`${message} [${code}]`, ...unnamed.map((field) => `  ${field.path}: ${field.message}`)];
  if (code === "not_signed_in" || code === "token_expired") lines.push("  Sign in with: convirt login");
  const exitCode =
    status === 401 || status === 403 ? exitCodes.denied : status === 404 ? exitCodes.notFound : exitCodes.refused;
  return new CommandFailed(exitCode, lines.join("\n"), body);
}
