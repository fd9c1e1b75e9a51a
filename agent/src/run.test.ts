// The service over an enrolment: before it, and over a second one.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, writeFileSync } from "node:fs";
import { connect as connectHttp2 } from "node:http2";
import { join } from "node:path";
import { connect, type TLSSocket } from "node:tls";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, test } from "vitest";
import { saveIdentity } from "./identity/identity.js";
import { fakeXen, type KeyPair, TestAuthority, temporaryFolder, until } from "./testing.js";

const program = fileURLToPath(new URL("../dist/convirt-agent.mjs", import.meta.url));
let folder: ReturnType<typeof temporaryFolder>;
let agent: ReturnType<typeof start> | undefined;

beforeEach(() => {
  folder = temporaryFolder();
  settle({ store: "store" });
});
afterEach(async () => {
  agent?.child.kill("SIGKILL");
  await agent?.ended;
  agent = undefined;
  folder.remove();
});

function settle({ store }: { store: string }): void {
  const places = {
    store: join(folder.path, store),
    logs: join(folder.path, "logs"),
    state: join(folder.path, "state"),
  };
  const all = { listen: "127.0.0.1:0", toolstack: fakeXen(folder.path).xl, scopes: "never", ...places };
  const lines = Object.entries(all).map(([name, value]) => `${name} = ${JSON.stringify(value)}\n`);
  writeFileSync(join(folder.path, "agent.toml"), lines.join(""));
}

function start() {
  const words = [program, "--config", join(folder.path, "agent.toml"), "run"];
  const child = spawn(process.execPath, words, {
    env: { PATH: "/usr/bin:/bin" },
    stdio: ["ignore", "ignore", "pipe"],
  });
  let said = "";
  child.stderr.on("data", (chunk: Buffer) => {
    said += chunk.toString();
  });
  const ended = once(child, "close").then(([code]) => code as number | null);
  const lines = () =>
    said
      .split("\n")
      .slice(0, -1)
      .map((line) => JSON.parse(line) as { message: string; hostId?: string; port?: number });
  /** The message that begins so, as soon as it is said. */
  const says = (begin: string, hostId?: string) =>
    until(() =>
      lines().find((one) => one.message.startsWith(begin) && (hostId === undefined || one.hostId === hostId)),
    );
  return { child, ended, says };
}

/** A connection as the authority's controller makes it; refused when the agent is not of that authority. */
async function call(port: number, authority: TestAuthority, controller: KeyPair): Promise<TLSSocket> {
  const socket = connect({
    host: "127.0.0.1",
    port,
    ca: authority.certificate,
    cert: controller.certificate,
    key: controller.key,
    minVersion: "TLSv1.3",
    ALPNProtocols: ["h2"],
    checkServerIdentity: () => undefined,
  });
  await once(socket, "secureConnect");
  return socket;
}

test("an agent without an identity says what to do, waits, and serves by the settings of the moment when the host is enrolled", async () => {
  agent = start();
  expect((await agent.says("This host is not enrolled yet")).message).toContain("convirt-agent enrol");
  settle({ store: "larger" });
  const identity = await (await TestAuthority.create()).hostIdentity("xen1");
  saveIdentity(join(folder.path, "state"), identity);
  await agent.says("ready", identity.hostId);
  expect(existsSync(join(folder.path, "larger"))).toBe(true);
  agent.child.kill("SIGTERM");
  expect(await agent.ended).toBe(0);
});

test("an agent that waits ends in order when it is told to", async () => {
  agent = start();
  await agent.says("This host is not enrolled yet");
  agent.child.kill("SIGTERM");
  expect(await agent.ended).toBe(0);
});

test("a host that is enrolled again serves its new controller at once, and ends what its old one had open", async () => {
  const [before, after] = [await TestAuthority.create(), await TestAuthority.create()];
  const [first, second] = [await before.hostIdentity("xen1"), await after.hostIdentity("xen1")];
  const [old, current] = [await before.issue("urn:convirt:controller"), await after.issue("urn:convirt:controller")];
  saveIdentity(join(folder.path, "state"), first);
  agent = start();
  const { port = 0 } = await agent.says("ready", first.hostId);
  const socket = await call(port, before, old);
  const session = connectHttp2("https://127.0.0.1", { createConnection: () => socket });
  session.on("error", () => undefined);
  await once(session, "remoteSettings");
  const closed = once(session, "close");
  saveIdentity(join(folder.path, "state"), second);
  const { port: anew = 0 } = await agent.says("ready", second.hostId);
  await closed;
  (await call(anew, after, current)).destroy();
  await expect(call(anew, before, old)).rejects.toThrow("certificate");
  agent.child.kill("SIGTERM");
  expect(await agent.ended).toBe(0);
});
