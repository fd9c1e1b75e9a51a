// A controller for a test file: the whole application on a database in memory, with its two listeners on free ports, in a folder of its own. `call` speaks HTTP to it.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Role } from "@convirt/contract/session";
import type { Type } from "@nestjs/common";
import { AccessService } from "./access/access.service.js";
import { type RunningController, startController } from "./app.js";
import { TokensService } from "./auth/tokens.service.js";
import { UsersService } from "./auth/users.service.js";
import { type Config, loadConfig } from "./config/config.js";

export const adminPassword = "correct horse battery";

export interface Answer {
  status: number;
  headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: what a test asks of an answer, the test's own expectations check.
  body: any;
}

export interface CallOptions {
  body?: unknown;
  /** An API token. */
  token?: string;
  headers?: Record<string, string>;
}

export class TestController {
  readonly folder: string;
  #running: RunningController;

  private constructor(folder: string, running: RunningController) {
    this.folder = folder;
    this.#running = running;
  }

  /** `database` is `:memory:` unless given. */
  static async start(
    settings: { folder?: string; database?: string; environment?: Record<string, string> } = {},
  ): Promise<TestController> {
    const folder = settings.folder ?? mkdtempSync(join(tmpdir(), "convirt-controller-"));
    try {
      const running = await startController(configIn(folder, settings.environment), settings.database ?? ":memory:");
      return new TestController(folder, running);
    } catch (error) {
      if (settings.folder === undefined) rmSync(folder, { recursive: true });
      throw error;
    }
  }

  get url(): string {
    return this.#running.httpUrl;
  }

  get httpsUrl(): string {
    return this.#running.httpsUrl;
  }

  /** Of the listener with a certificate that was given. */
  get webUrl(): string {
    return this.#running.webUrl ?? "";
  }

  get authorityDigest(): string {
    return this.#running.authorityDigest;
  }

  /** A service of the application. */
  get<T>(type: Type<T>): T {
    return this.#running.app.get(type);
  }

  async call(method: string, path: string, options: CallOptions = {}): Promise<Answer> {
    const { body, token, headers } = options;
    const response = await fetch(`${this.url}/api/v1${path}`, {
      method,
      headers: {
        ...(body === undefined ? {} : { "content-type": "application/json" }),
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
    });
    if (path === "/events" && response.ok) {
      // It does not end by itself.
      await response.body?.cancel();
      return { status: response.status, headers: response.headers, body: "" };
    }
    const text = await response.text();
    const isJson = response.headers.get("content-type")?.startsWith("application/json") ?? false;
    return { status: response.status, headers: response.headers, body: isJson ? JSON.parse(text) : text };
  }

  /** The cookie of a session, for the header of that name. */
  async signIn(username = "admin", password = adminPassword): Promise<string> {
    const answer = await this.call("POST", "/session", { body: { username, password } });
    if (answer.status !== 200) throw new Error(`Cannot sign in: ${answer.status} ${JSON.stringify(answer.body)}`);
    return answer.headers.get("set-cookie")?.split(";")[0] ?? "";
  }

  /** An API token of a user of that role, made first if there is none; of the role for `scope` alone where one is given. */
  async tokenFor(role: Role, scope = "everything"): Promise<string> {
    const users = this.get(UsersService);
    const access = this.get(AccessService);
    const part = scope === "everything" ? "" : `-${scope.replace(/[^a-z0-9]/gi, "-").toLowerCase()}`;
    const username = role === "admin" && part === "" ? "admin" : `a-${role}${part}`.slice(0, 32);
    const known = (await users.all()).find((user) => user.username === username);
    const user = known ?? (await users.add({ username, password: adminPassword }, "test"));
    if (known === undefined) await access.give({ subject: { kind: "user", name: username }, role, scope }, "test");
    const grants = await access.grantsOf(username, []);
    const identity = { userId: user.id, username, grants, via: "session", expiresAt: "", secondFactor: false } as const;
    return (await this.get(TokensService).create(identity, { name: "test", expiresInDays: 1 })).secret;
  }

  /** Stops; the folder stays for another start. */
  async stop(): Promise<void> {
    await this.#running.stop();
  }

  async end(): Promise<void> {
    await this.stop();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

function configIn(folder: string, environment: Record<string, string> = {}): Config {
  mkdirSync(join(folder, "store"), { recursive: true });
  const path = join(folder, "controller.toml");
  writeFileSync(join(folder, "password"), `${adminPassword}\n`, { mode: 0o600 });
  writeFileSync(path, "");
  return loadConfig({
    CONVIRT_CONFIG: path,
    CONVIRT_DATA_DIR: join(folder, "data"),
    CONVIRT_HTTP_LISTEN: "127.0.0.1:0",
    CONVIRT_HTTPS_LISTEN: "127.0.0.1:0",
    CONVIRT_HTTPS_ADVERTISE: "127.0.0.1",
    CONVIRT_STORE_DIR: join(folder, "store"),
    CONVIRT_AUTH_ADMIN_PASSWORD_FILE: join(folder, "password"),
    CONVIRT_LOG_LEVEL: "silent",
    ...environment,
  });
}
