// A small client of the API for programs that run on the same machine as the controller: typed by the contract's route table, events by server-sent events.
import { finalStatuses, type JobDetail, type JobEvent, jobEvent } from "@convirt/contract/job";
import type { Route } from "@convirt/contract/route";
import { type RouteName, routes } from "@convirt/contract/routes";
import { createParser } from "eventsource-parser";
import type { z } from "zod";

type Answer<N extends RouteName> = (typeof routes)[N] extends { response: infer S extends z.ZodType }
  ? z.output<S>
  : unknown;
type Options = {
  params?: Record<string, string>;
  query?: Record<string, string | number | boolean>;
  body?: unknown;
  headers?: Record<string, string>;
  signal?: AbortSignal;
  stream?: ReadableStream | Uint8Array;
};

/** An answer that was an error. */
export class ApiError extends Error {
  override readonly name = "ApiError";
  readonly status: number;
  readonly code: string;
  readonly body: Record<string, unknown>;
  constructor(status: number, body: Record<string, unknown>) {
    super(`${status} ${String(body["code"])}: ${String(body["message"])}`);
    this.status = status;
    this.code = String(body["code"]);
    this.body = body;
  }
}

export class ApiClient {
  readonly url: string;
  readonly token: string;

  constructor(url: string, token: string) {
    this.url = url;
    this.token = token;
  }

  /** Signs in, makes a token for itself, and goes on with that. */
  static async signIn(url: string, username: string, password: string): Promise<ApiClient> {
    const anonymous = new ApiClient(url, "");
    const response = await anonymous.fetch("signIn", { body: { username, password } });
    const cookie = response.headers
      .getSetCookie()
      .map((one) => one.split(";")[0])
      .join("; ");
    const { token } = await anonymous.call("createToken", { body: { name: "installation" }, headers: { cookie } });
    return new ApiClient(url, token);
  }

  /** Calls a route; the answer is checked against the contract. Throws ApiError. */
  async call<N extends RouteName>(name: N, options: Options = {}): Promise<Answer<N>> {
    const response = await this.fetch(name, options);
    const route: Route = routes[name];
    return (route.response?.parse(await response.json()) ?? undefined) as Answer<N>;
  }

  async fetch(name: RouteName, options: Options = {}): Promise<Response> {
    const route: Route = routes[name];
    const path = route.path.replace(/[:*]([a-zA-Z]+)/g, (_, key: string) =>
      (options.params?.[key] ?? "").split("/").map(encodeURIComponent).join("/"),
    );
    const url = new URL(`/api/v1${path}`, this.url);
    for (const [key, value] of Object.entries(options.query ?? {})) url.searchParams.set(key, String(value));
    const body = options.stream ?? (options.body === undefined ? undefined : JSON.stringify(options.body));
    const headers: Record<string, string> = { ...options.headers };
    if (this.token !== "") headers["authorization"] = `Bearer ${this.token}`;
    if (options.body !== undefined) headers["content-type"] = "application/json";
    if (options.stream !== undefined) headers["content-type"] = "application/octet-stream";
    const init = {
      method: route.method,
      headers,
      ...(body === undefined ? {} : { body, duplex: "half" }),
      ...(options.signal === undefined ? {} : { signal: options.signal }),
    };
    const response = await fetch(url, init as RequestInit);
    if (!response.ok)
      throw new ApiError(
        response.status,
        (await response.json().catch(() => ({ code: "none", message: "no reason given" }))) as Record<string, unknown>,
      );
    return response;
  }

  /** The job's events from after `last` on, until its final status or the signal. */
  async *events(id: string, options: { last?: number; signal?: AbortSignal } = {}): AsyncGenerator<JobEvent> {
    const headers: Record<string, string> = options.last === undefined ? {} : { "last-event-id": String(options.last) };
    const response = await this.fetch("followJob", {
      params: { id },
      headers,
      ...(options.signal === undefined ? {} : { signal: options.signal }),
    });
    const arrived: JobEvent[] = [];
    const parser = createParser({
      onEvent: ({ event, data }) => {
        if (event === "refused") throw new ApiError(403, JSON.parse(data));
        arrived.push(jobEvent.parse(JSON.parse(data)));
      },
    });
    const decoder = new TextDecoder();
    for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
      parser.feed(decoder.decode(chunk, { stream: true }));
      for (const event of arrived.splice(0)) {
        yield event;
        if (event.kind === "status" && finalStatuses.has(event.status)) return;
      }
    }
  }

  /** Waits for the job's end. */
  async ended(id: string): Promise<JobDetail> {
    for await (const _ of this.events(id)) {
      // Only the end is of interest.
    }
    return this.call("showJob", { params: { id } });
  }

  async log(id: string): Promise<Buffer> {
    const response = await this.fetch("readLog", { params: { id } });
    return Buffer.from(await response.arrayBuffer());
  }
}
