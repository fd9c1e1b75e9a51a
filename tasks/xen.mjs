// `npm run test:xen`: the product, from its packages, on a real Xen under software emulation. `--short` leaves out what takes long; names of test files run those
// alone, and `operating`, which takes half as long as all the others, runs by its name only. `--record` runs none, and records what xl says for the tests of fake-xen and of
// the agent's parsers; `--report FILE` has vitest's counts written there. The dom0 is built once and kept below CONVIRT_XEN_CACHE (~/.cache/convirt-xen), by the hash of
// what it is built from. Ends with 77 when this machine cannot run it, having said why.
import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { homedir, tmpdir } from "node:os";
import { basename, join } from "node:path";
import { parseArgs } from "node:util";
import { packageAgent, packageController } from "../packaging/build.mjs";
import { bin, build, must, root } from "./steps.mjs";

const { values, positionals } = parseArgs({
  options: { short: { type: "boolean" }, record: { type: "boolean" }, report: { type: "string" } },
  allowPositionals: true,
});
const cannotRun = 77;
const short = ["facts", "provisioning", "power", "failures", "agent-restart"];
const whole = [...short, "storage", "disk-image", "large-file", "kinds", "lost-host", "idle"];
const needed = [
  "busybox-static",
  "cpio",
  "e2fsprogs",
  "kmod",
  "mmdebstrap",
  "openssh-client",
  "qemu-system-x86",
  "qemu-utils",
  "seabios",
  "util-linux",
];

/** Installs what is missing. What keeps this machine from running the suite, if anything does. */
function obstacle() {
  if (process.getuid() !== 0) return "it builds a root file system, which takes root";
  const missing = needed.filter((name) => {
    const asked = spawnSync("dpkg-query", ["--status", name], { encoding: "utf8" });
    return !asked.stdout?.includes("\nStatus: install ok installed\n");
  });
  if (missing.length === 0) return undefined;
  process.stdout.write(`installing: ${missing.join(" ")}\n`);
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  for (const words of [
    ["update", "--quiet=2"],
    ["install", "--quiet=2", "--yes", "--no-install-recommends", ...missing],
  ]) {
    const done = spawnSync("apt-get", words, { env, stdio: "inherit" });
    if (done.status !== 0) return `apt-get ${words.join(" ")} ended with ${done.status ?? done.error?.message}`;
  }
  return undefined;
}

/** The folder of the dom0's image, built now if there is none of these very inputs. Older ones go. */
function image() {
  const cache = process.env.CONVIRT_XEN_CACHE ?? join(homedir(), ".cache", "convirt-xen");
  const from = join(root, "test/xen/image");
  const inputs = createHash("sha256");
  for (const file of readdirSync(from).sort()) inputs.update(`${file}\0`).update(readFileSync(join(from, file)));
  const packages = ["linux-image-amd64", "linux-image-cloud-amd64", "xen-hypervisor-4.17-amd64", "xen-utils-4.17"];
  for (const name of packages) inputs.update(spawnSync("apt-cache", ["policy", name], { encoding: "utf8" }).stdout);
  const name = inputs.digest("hex").slice(0, 16);
  const folder = join(cache, name);
  if (!existsSync(folder)) {
    const part = `${folder}.part`;
    must("bash", [join(from, "build.sh"), part]);
    renameSync(part, folder);
  }
  for (const other of readdirSync(cache)) if (other !== name) rmSync(join(cache, other), { recursive: true });
  return folder;
}

let stopped = false;

/** Runs the test files that are named, or all, on a dom0 of their own; vitest's status, and what it reported. */
async function tests(files, environment) {
  const report = join(environment.TMPDIR, "report.json");
  rmSync(report, { force: true });
  const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${report}`];
  const words = ["run", "--config", "test/xen/vitest.config.ts", ...reporters, ...files];
  // A process group of its own: whatever of it should outlive the tests is ended with it.
  const child = spawn(bin("vitest"), words, { cwd: root, stdio: "inherit", detached: true, env: environment });
  const stop = () => {
    stopped = true;
    process.kill(-child.pid, "SIGTERM");
  };
  process.on("SIGINT", stop).on("SIGTERM", stop);
  const status = await new Promise((resolve) => child.once("exit", (code) => resolve(code ?? 1)));
  process.off("SIGINT", stop).off("SIGTERM", stop);
  try {
    process.kill(-child.pid, "SIGKILL");
  } catch (error) {
    if (error.code !== "ESRCH") throw error;
  }
  return { status, report: existsSync(report) ? JSON.parse(readFileSync(report, "utf8")) : undefined };
}

/**
 * The emulation now and then ends a program of dom0 for no reason, and a machine with other work lets libxl's own limits pass: files in which a test failed are tried
 * once more, on a dom0 that is booted anew. What fails twice has failed.
 */
async function twice(files, environment) {
  const first = await tests(files, environment);
  if (first.status === 0 || stopped) return first;
  const results = first.report?.testResults ?? [];
  const failed = results.filter((file) => file.status === "failed");
  // Of a dom0 that did not come up there is no result at all.
  const names = failed.length > 0 ? failed.map((file) => basename(file.name, ".test.ts")) : files;
  process.stderr.write(`\n*** Tried once more on another dom0: ${names.join(", ") || "all"} ***\n\n`);
  const second = await tests(names, environment);
  if (second.report === undefined) return second;
  const passed = results.filter((file) => file.status !== "failed");
  const before = passed.flatMap((file) => file.assertionResults).filter(({ status }) => status === "passed").length;
  return { ...second, report: { ...second.report, numPassedTests: second.report.numPassedTests + before } };
}

const why = obstacle();
if (why !== undefined) {
  process.stderr.write(`\n*** The tests on a real Xen were NOT RUN: ${why} ***\n\n`);
  process.exit(cannotRun);
}
build();
const out = mkdtempSync(join(tmpdir(), "convirt-xen-packages-"));
let status = 1;
try {
  const agent = await packageAgent({ out });
  const newer = await packageAgent({ out, version: `${agent.version}+newer` });
  const controller = await packageController({ out });
  const newerController = await packageController({ out, version: `${controller.version}+newer` });
  mkdirSync(process.env.CONVIRT_XEN_CACHE ?? join(homedir(), ".cache", "convirt-xen"), { recursive: true });
  const asked = positionals.length > 0 ? positionals : whole;
  const outcome = await twice(values.record ? [] : values.short ? short : asked, {
    ...process.env,
    CONVIRT_XEN_RECORD: values.record ? "1" : "",
    // Whatever the tests write goes with this folder, also when they are cut short.
    TMPDIR: out,
    CONVIRT_XEN_IMAGE: image(),
    CONVIRT_XEN_AGENT_PACKAGE: agent.file,
    CONVIRT_XEN_NEWER_AGENT_PACKAGE: newer.file,
    CONVIRT_XEN_CONTROLLER_PACKAGE: controller.file,
    CONVIRT_XEN_NEWER_CONTROLLER_PACKAGE: newerController.file,
  });
  status = outcome.status;
  if (values.report && outcome.report) writeFileSync(values.report, JSON.stringify(outcome.report));
} finally {
  rmSync(out, { recursive: true, force: true });
}
process.exit(status);
