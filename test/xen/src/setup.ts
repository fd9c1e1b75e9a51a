// Before the first test: boots the dom0, starts a controller from its package, installs the agent's package in dom0 with apt, and enrols it. After the last, and
// at whatever ends this process: everything that was started is gone.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { ApiClient } from "@convirt/demo/api-client";
import type { TestProject } from "vitest/node";
import { Dom0 } from "./dom0.js";
import { host, Rig, type RigPlaces, unpack } from "./rig.js";

const started: ChildProcess[] = [];

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const folder = mkdtempSync(join(tmpdir(), "convirt-xen-"));
  const teardown = async () => {
    await Promise.all(started.splice(0).map(end));
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    project.provide("rig", await start(folder));
  } catch (error) {
    await teardown();
    throw error;
  }
  return teardown;
}

async function start(folder: string): Promise<RigPlaces> {
  const [sshPort, agentPort, httpPort, httpsPort] = await Promise.all([0, 1, 2, 3].map(freePort));
  const dom0 = new Dom0({ folder, image: setting("CONVIRT_XEN_IMAGE"), sshPort: sshPort ?? 0 });
  const machine = dom0.power([[agentPort ?? 0, 8445]]);
  started.push(machine);
  const booted = dom0.untilUp(machine);
  booted.catch(() => undefined);

  const controller = unpack(setting("CONVIRT_XEN_CONTROLLER_PACKAGE"), join(folder, "controller"));
  const store = join(folder, "store");
  cpSync(join(controller, "usr/share/convirt/image_store"), store, { recursive: true });
  const url = await startController({ folder, controller, store, httpPort: httpPort ?? 0, httpsPort: httpsPort ?? 0 });
  const password = readFileSync(join(folder, "data", "first-password"), "utf8").trim();
  const { token } = await ApiClient.signIn(url, "admin", password);

  await booted;
  const places = { dom0: dom0.places, url, token, controller, store };
  const packages = {
    agentPackage: setting("CONVIRT_XEN_AGENT_PACKAGE"),
    newerAgentPackage: setting("CONVIRT_XEN_NEWER_AGENT_PACKAGE"),
    controllerPackage: setting("CONVIRT_XEN_CONTROLLER_PACKAGE"),
    newerControllerPackage: setting("CONVIRT_XEN_NEWER_CONTROLLER_PACKAGE"),
  };
  const rig = new Rig({ ...places, ...packages });
  await install(rig, agentPort ?? 0);
  return rig.places;
}

async function startController(of: {
  folder: string;
  controller: string;
  store: string;
  httpPort: number;
  httpsPort: number;
}): Promise<string> {
  const config = join(of.folder, "controller.toml");
  mkdirSync(join(of.folder, "data"));
  writeFileSync(config, "");
  const words = ["--pdeathsig", "KILL", "--", process.execPath];
  const child = spawn(
    "setpriv",
    [...words, join(of.controller, "usr/lib/convirt-controller/controller/dist/main.js")],
    {
      env: {
        PATH: "/usr/bin:/bin",
        CONVIRT_CONFIG: config,
        CONVIRT_DATA_DIR: join(of.folder, "data"),
        CONVIRT_AUTH_ADMIN_PASSWORD_FILE: join(of.folder, "data", "first-password"),
        CONVIRT_HTTP_LISTEN: `127.0.0.1:${of.httpPort}`,
        // QEMU's user network shows dom0 this machine as 10.0.2.2.
        CONVIRT_HTTPS_LISTEN: `127.0.0.1:${of.httpsPort}`,
        CONVIRT_HTTPS_ADVERTISE: `10.0.2.2:${of.httpsPort}`,
        CONVIRT_STORE_DIR: of.store,
      },
      stdio: ["ignore", "pipe", "pipe"],
    },
  );
  started.push(child);
  let said = "";
  await new Promise<void>((resolve, reject) => {
    for (const stream of [child.stdout, child.stderr])
      stream.on("data", (chunk: Buffer) => {
        if (said.length < 200_000) said += chunk.toString();
        if (said.includes('"msg":"ready"')) resolve();
      });
    child.once("exit", (code) => reject(new Error(`The controller ended with ${code}:\n${said}`)));
  });
  return `http://127.0.0.1:${of.httpPort}`;
}

/** As docs/operating/install.md has it. */
async function install(rig: Rig, agentPort: number): Promise<void> {
  const { dom0, places } = rig;
  const deb = `/root/${basename(places.agentPackage)}`;
  await dom0.must(`cat >${deb}`, { input: readFileSync(places.agentPackage) });
  await dom0.must(`apt-get install --yes --no-install-recommends ${deb}`);
  await dom0.must("vgcreate vg0 /dev/vdb");
  await dom0.must(
    `sed -i -e 's|^#advertise = .*|advertise = "127.0.0.1:${agentPort}"|' -e 's|^#disk_roots = .*|disk_roots = ["/var/cache/convirt", "/dev/vg0"]|' /etc/convirt/agent.toml`,
  );
  const { invitation } = await rig.client.call("inviteHost", { body: { host } });
  // The agent waits for it since it was installed.
  await dom0.must("convirt-agent enrol", { input: `${invitation}\n` });
  await rig.inContact();
}

function setting(name: string): string {
  const value = process.env[name];
  if (value === undefined) throw new Error(`${name} is not set: run this by \`npm run test:xen\``);
  return value;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  if (address === null || typeof address === "string") throw new Error("There is no free port");
  return address.port;
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, "exit");
  child.kill("SIGKILL");
  await ended;
}
