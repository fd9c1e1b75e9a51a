// `npm run demo`: a controller and three hosts on this machine, a VM provisioned before your eyes, and then the address and the sign-in until Ctrl-C.
// `--once` ends after that: with 0, or with 1 when anything failed.
import { spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { JobEvent } from "@convirt/contract/job";
import { rewriteOptions } from "@convirt/image-format/rewrite";
import { Installation, root } from "./installation.js";

const usualPort = 8080;
const host1 = "xen1";
const otherHosts = ["xen2", "xen3"];
const once = process.argv.includes("--once");

let quiet = false;
const say = (line = "") => quiet || process.stdout.write(`${line}\n`);
const dim = (text: string) => (process.stdout.isTTY ? `\u001b[2m${text}\u001b[0m` : text);
const bold = (text: string) => (process.stdout.isTTY ? `\u001b[1m${text}\u001b[0m` : text);

/** Where the demo keeps what it makes: a folder of its own, removed at its end. */
const folder = mkdtempSync(join(tmpdir(), "convirt-demo-"));
const store = join(folder, "store");
const installation = new Installation({ folder, store, httpPort: usualPort });

async function main(): Promise<number> {
  say(bold("ConVirt demo"));
  cpSync(join(root, "image_store"), store, { recursive: true });
  setOptions("Tiny_Linux", { ...ownPlaces(), ...standIns() });

  const controller = installation.start();
  // It does the work; the others come while it does.
  const host = installation.addHost(host1);
  // A failure is met where it is waited for; until then it is no fault of the process.
  host.catch(() => undefined);
  await controller;
  const images = (await installation.client.call("listImages")).items.map((image) => image.name);
  say(`${dim("controller")}  ${installation.httpUrl}, images: ${images.join(", ")}`);
  await host;
  say(`${dim("host")}        ${host1} is enrolled over mutual TLS and in contact`);
  const job = await installation.client.call("provision", {
    body: { image: "Tiny_Linux", host: host1, vm: "hello", start: true, reason: "the demo" },
  });
  say(`${dim("request")}     VM "hello" from image Tiny_Linux on ${host1}`);
  let others: Promise<unknown> | undefined;
  for await (const event of installation.client.events(job.id)) {
    if (event.kind === "log" && others === undefined) {
      say(dim(`            first line of the log ${(performance.now() / 1000).toFixed(1)} s after the start`));
      others = addOthers();
    }
    show(event);
  }
  const ended = await installation.client.call("showJob", { params: { id: job.id } });
  if (ended.status !== "succeeded") {
    say(bold(`The job ${ended.status}: ${ended.message ?? ""}`));
    return 1;
  }
  for (const proof of ended.proofs) say(`${dim("proven")}      ${proof.subject}: ${proof.found}`);
  await (others ?? addOthers());
  for (const name of otherHosts) say(`${dim("host")}        ${name} is enrolled over mutual TLS and in contact`);
  await showWhatWasMade(ended.vmConfigPath ?? "", ended.disks[0]?.target ?? "");
  return 0;
}

function addOthers(): Promise<unknown> {
  const added = Promise.all(otherHosts.map((name) => installation.addHost(name)));
  added.catch(() => undefined);
  return added;
}

function show(event: JobEvent): void {
  if (event.kind === "log") {
    for (const line of Buffer.from(event.base64, "base64").toString("utf8").trimEnd().split("\n"))
      say(`${dim("log")}         ${line}`);
  } else if (event.kind === "phase_started") say(`${dim("phase")}       ${event.phase}`);
  else if (event.kind === "status" && event.message !== null)
    say(`${dim("status")}      ${event.status}: ${event.message}`);
}

/** The three things that a person would look for on the host. */
async function showWhatWasMade(configPath: string, disk: string): Promise<void> {
  const run = (program: string, ...words: string[]) => spawnSync(program, words, { encoding: "utf8" }).stdout.trimEnd();
  say();
  say(bold(`What was made on ${host1}`));
  say(run("ls", "-lhs", disk));
  say();
  say(dim(configPath));
  say(readFileSync(configPath, "utf8").trimEnd());
  say();
  say(dim("xl list"));
  say(run(join(installation.host(host1).folder, "bin", "xl"), "list"));
}

/** The shipped image keeps its disks where a host of its own would; the demo's copy keeps them in the demo's folder, so that a request needs no more. */
function setOptions(image: string, values: Record<string, string>): void {
  const path = join(store, image, "image.conf");
  const set = new Map(Object.entries(values));
  writeFileSync(path, rewriteOptions(readFileSync(path, "utf8"), { set, unset: [] }, { file: "image.conf" }));
}

/** Values that place a VM's files into the folder of the host that it is made on. */
function ownPlaces(): Record<string, string> {
  const vm = join(folder, "hosts", "$SERVER_NAME", "vm");
  return { VM_DISKS_DIR: join(vm, "disks"), VM_CONF_DIR: join(vm, "configs") };
}

/** A demo machine need not have a guest's kernel or a static busybox: then something stands in, and we say so. */
function standIns(): Record<string, string> {
  const values: Record<string, string> = {};
  const kernel = ["/vmlinuz", "/boot/vmlinuz"].find((path) => existsSync(path));
  if (kernel === undefined) {
    const path = join(folder, "stand-in", "vmlinuz");
    mkdirSync(join(folder, "stand-in"), { recursive: true });
    writeFileSync(path, "A stand-in for a kernel: fake-xen boots nothing.\n");
    say(dim("There is no /vmlinuz here: a file stands in for the guest's kernel, which fake-xen does not boot."));
    values["guest_kernel"] = path;
  } else values["guest_kernel"] = kernel;
  const isStatic = existsSync("/bin/busybox") && spawnSync("/bin/busybox", ["cpio", "--help"]).status === 0;
  if (!isStatic) {
    values["busybox"] = standInBusybox();
    say(dim("There is no busybox with cpio here (apt-get install busybox-static): a script stands in for it."));
  }
  return values;
}

/** Answers to the one applet that Tiny_Linux asks for on the host, by the system's own tar. */
function standInBusybox(): string {
  const path = join(folder, "stand-in", "busybox");
  mkdirSync(join(folder, "stand-in"), { recursive: true });
  writeFileSync(
    path,
    "#!/bin/sh\n# Stands in for `busybox cpio -o`: packs what it is told by tar.\nexec tar --create --no-recursion --files-from=- --file=-\n",
    { mode: 0o755 },
  );
  return path;
}

async function stop(): Promise<void> {
  await installation.stop();
  rmSync(folder, { recursive: true, force: true });
}

const interrupted = new Promise<number>((resolve) => {
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.once(signal, () => resolve(130));
  // Who read it is gone, `head` say: what runs and what was made must not stay.
  process.stdout.once("error", () => {
    quiet = true;
    resolve(1);
  });
});

let code = 1;
try {
  code = await Promise.race([main(), interrupted]);
  if (code === 0 && !once) {
    sayHowToGoOn();
    await interrupted;
  }
} catch (error) {
  process.stderr.write(`The demo failed: ${error instanceof Error ? error.message : String(error)}\n`);
}
// What is under way may go on for a moment; there is nobody left to tell.
quiet = true;
await stop();
if (process.stdout.isTTY) process.stdout.write("\nThe demo has ended; what it made is removed.\n");
process.exit(code);

function sayHowToGoOn(): void {
  const { httpUrl, adminPassword } = installation;
  say();
  say(bold(`${httpUrl}   sign in as admin with the password ${adminPassword}`));
  say("In a second terminal:");
  say(`  npx convirt login ${httpUrl} --username admin`);
  say("  npx convirt image list");
  say("  npx convirt provision Tiny_Linux --host xen2 --name second --start");
  say("  npx convirt vm list");
  say("Ctrl-C ends the demo and removes what it made.");
}
