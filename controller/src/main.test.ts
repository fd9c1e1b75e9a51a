import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";

const program = join(import.meta.dirname, "..", "dist", "bundle", "main.js");
let folder: string;
const children: ChildProcess[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "convirt-main-"));
  mkdirSync(join(folder, "store"));
  writeFileSync(join(folder, "controller.toml"), "");
});
afterEach(async () => {
  for (const child of children.splice(0)) {
    if (child.exitCode !== null || child.signalCode !== null) continue;
    const ended = once(child, "exit");
    child.kill("SIGKILL");
    await ended;
  }
  rmSync(folder, { recursive: true, force: true });
});

interface Started {
  child: ChildProcess;
  /** All that it has said so far. */
  said: () => string;
  /** The fields of its ready line. */
  ready: Promise<{ http: string; https: string }>;
  ended: Promise<number | null>;
}

function start(words: string[] = [], environment: Record<string, string> = {}): Started {
  const child = spawn(process.execPath, [program, ...words], {
    env: {
      CONVIRT_CONFIG: join(folder, "controller.toml"),
      CONVIRT_DATA_DIR: join(folder, "data"),
      CONVIRT_HTTP_LISTEN: "127.0.0.1:0",
      CONVIRT_HTTPS_LISTEN: "127.0.0.1:0",
      CONVIRT_STORE_DIR: join(folder, "store"),
      ...environment,
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
  children.push(child);
  let said = "";
  const ready = new Promise<{ http: string; https: string }>((resolve, reject) => {
    for (const stream of [child.stdout, child.stderr])
      stream?.on("data", (chunk: Buffer) => {
        said += chunk.toString();
        const line = said.split("\n").find((one) => one.includes('"msg":"ready"') && one.endsWith("}"));
        if (line !== undefined) resolve(JSON.parse(line));
      });
    child.once("close", () => reject(new Error(said)));
  });
  ready.catch(() => undefined);
  const ended = once(child, "close").then(([code]) => code as number | null);
  return { child, said: () => said, ready, ended };
}

const passwordIn = (said: string) => / password (\S+)/.exec(said)?.[1];

function signIn(http: string, password: string): Promise<Response> {
  return fetch(`${http}/api/v1/session`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ username: "admin", password }),
  });
}

describe("the controller", () => {
  test("says at its first start where it listens and admin's password, which it says never again", async () => {
    const first = start();
    const { http, https } = await first.ready;
    expect(https).toMatch(/^https:/);
    const password = passwordIn(first.said()) ?? "";
    expect(password.length).toBeGreaterThanOrEqual(20);
    expect((await signIn(http, password)).status).toBe(200);
    first.child.kill("SIGTERM");
    expect(await first.ended).toBe(0);
    const second = start();
    await second.ready;
    expect(passwordIn(second.said())).toBeUndefined();
    expect(second.said()).not.toContain(password);
  });

  test("writes a first password to the file that is named, for nobody else to read, and shows it in no log", async () => {
    const file = join(folder, "first-password");
    const first = start([], { CONVIRT_AUTH_ADMIN_PASSWORD_FILE: file });
    const { http } = await first.ready;
    expect(first.said()).toContain(file);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    const password = readFileSync(file, "utf8").trim();
    expect(password.length).toBeGreaterThanOrEqual(20);
    expect(first.said()).not.toContain(password);
    expect((await signIn(http, password)).status).toBe(200);
    first.child.kill("SIGTERM");
    expect(await first.ended).toBe(0);
    rmSync(file);
    const second = start([], { CONVIRT_AUTH_ADMIN_PASSWORD_FILE: file });
    await second.ready;
    expect(existsSync(file)).toBe(false);
    expect(second.said()).not.toContain(file);
  });

  test("stops on SIGTERM, although a client is in the middle of a request", async () => {
    const { child, ready, ended, said } = start();
    const { http } = await ready;
    const signedIn = await signIn(http, passwordIn(said()) ?? "");
    const cookie = signedIn.headers.get("set-cookie")?.split(";")[0] ?? "";
    const client = connect(Number(new URL(http).port), "127.0.0.1");
    const cut = new Promise((resolve) => client.on("error", () => undefined).once("close", resolve));
    client.write(`POST /api/v1/images/import?name=X HTTP/1.1\r\nHost: x\r\nCookie: ${cookie}\r\n`);
    client.write("Content-Type: application/octet-stream\r\nContent-Length: 100000\r\n\r\nsome");
    // Answered, so the controller has read what came before it on this machine.
    expect((await fetch(`${http}/healthz`)).status).toBe(200);
    child.kill("SIGTERM");
    expect(await ended).toBe(0);
    await cut;
  });

  test("refuses settings that are wrong with all that is wrong, and code 2", async () => {
    const { ended, said } = start([], { CONVIRT_HTTP_LISTEN: "nowhere", CONVIRT_LOG_LEVEL: "loud" });
    expect(await ended).toBe(2);
    expect(said()).toMatch(/http\.listen[\s\S]*log\.level/);
    expect(said()).not.toContain("    at ");
  });

  test("refuses a first password that nobody could be given, and does not make admin", async () => {
    writeFileSync(join(folder, "password"), "short\n");
    const first = start([], { CONVIRT_AUTH_ADMIN_PASSWORD_FILE: join(folder, "password") });
    expect(await first.ended).toBe(1);
    expect(first.said()).toContain("must hold at least 10 characters");
    expect(first.said()).not.toContain("    at ");
    const unreadable = start([], { CONVIRT_AUTH_ADMIN_PASSWORD_FILE: join(folder, "password/below-a-file") });
    expect(await unreadable.ended).toBe(1);
    expect(unreadable.said()).toMatch(/^Cannot use .*below-a-file for admin's first password: .*ENOTDIR/m);
    expect(unreadable.said()).not.toContain("    at ");
    const second = start();
    await second.ready;
    expect(passwordIn(second.said())).toBeDefined();
  });

  test("says that it cannot listen, in one line", async () => {
    const first = start();
    const { http } = await first.ready;
    const other = join(folder, "other");
    const second = start([], { CONVIRT_DATA_DIR: other, CONVIRT_HTTP_LISTEN: new URL(http).host });
    expect(await second.ended).toBe(1);
    expect(second.said()).toMatch(/Cannot listen on 127\.0\.0\.1:\d+: .*EADDRINUSE/);
    expect(second.said()).not.toContain("    at ");
  });

  test("tells its version and how it is used, and starts nothing for it", async () => {
    for (const [word, expected] of [
      ["--version", /^0\.1\.0\n$/],
      ["--help", /^Usage: convirt-controller [\s\S]*--print-config/],
    ] as const) {
      const { ended, said } = start([word]);
      expect(await ended).toBe(0);
      expect(said()).toMatch(expected);
    }
    expect(existsSync(join(folder, "data"))).toBe(false);
  });

  test("refuses a word that it does not know, and starts nothing", async () => {
    for (const word of ["--verison", "restore"]) {
      const { ended, said } = start([word]);
      expect(await ended).toBe(1);
      expect(said()).toMatch(/^error: /);
    }
    expect(existsSync(join(folder, "data"))).toBe(false);
  });

  test("shows its settings", async () => {
    const { ended, said } = start(["--print-config"]);
    expect(await ended).toBe(0);
    expect(JSON.parse(said())).toMatchObject({ data_dir: join(folder, "data"), provisioning: { jobs_per_host: 2 } });
  });
});
