// Lays out each package as it lands on a machine, and has dpkg-deb pack it. What is in the folders beside this file is taken as it is; programs, the image store,
// and what can only be known now (version, dependencies on this machine's Node.js, checksums) are added. Every time stamp is that of the last commit.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { copyNative } from "./native.mjs";

const here = dirname(fileURLToPath(import.meta.url));
const root = dirname(here);

/** For any machine that has Node.js. */
export function packageAgent(options) {
  return pack("convirt-agent", options, (tree) => {
    const lib = join(tree, "usr/lib/convirt-agent");
    // Its launcher names the program that runs it.
    const program = fs.readFileSync(join(root, "agent/dist/convirt-agent.mjs"), "utf8");
    write(join(lib, "convirt-agent.mjs"), program.replace(/^#!.*\n/, ""));
    put(join(root, "agent/dist/convirt-agent.mjs.LEGAL.txt"), licences(tree, "convirt-agent", "agent.txt"));
    put(join(root, "image_store/common"), join(tree, "usr/share/convirt-agent/common"));
    return {};
  });
}

/** For this machine's architecture and this major version of Node.js: SQLite and argon2 are compiled for both. */
export function packageController(options) {
  return pack("convirt-controller", options, (tree) => {
    const lib = join(tree, "usr/lib/convirt-controller");
    // The web UI lies where the program looks for it from its own place, as in a checkout.
    put(join(root, "controller/dist/bundle"), join(lib, "controller/dist"));
    copyNative(join(lib, "controller/dist"));
    put(join(root, "cli/dist/bundle"), join(lib, "cli"));
    for (const legal of files(lib).filter((file) => file.endsWith(".LEGAL.txt"))) {
      put(legal, licences(tree, "convirt-controller", basename(legal)));
      fs.rmSync(legal);
    }
    const compiled = files(lib).filter((file) => file.endsWith(".node"));
    must("strip", ["--strip-unneeded", "--remove-section=.comment", "--remove-section=.note", ...compiled]);
    const site = join(root, "controller/web/dist/site");
    if (fs.existsSync(site)) put(site, join(lib, "web/dist/site"));
    put(join(root, "image_store"), join(tree, "usr/share/convirt/image_store"));
    const completion = must(process.execPath, [join(lib, "cli/main.js"), "completion", "bash"]);
    write(join(tree, "usr/share/bash-completion/completions/convirt"), completion);
    const major = Number(process.versions.node.split(".")[0]);
    return {
      Architecture: must("dpkg", ["--print-architecture"]).trim(),
      Depends: (text) => text.replace("nodejs (<< 21)", `nodejs (<< ${major + 1})`),
    };
  });
}

function pack(name, { version = ourVersion(), out = join(root, "dist/packages") }, fill) {
  if (!/^[0-9][A-Za-z0-9.+~]*$/.test(version)) throw new Error(`${version} is not a version of Debian's form`);
  const epoch = sourceDateEpoch();
  const scratch = fs.mkdtempSync(join(tmpdir(), "convirt-package-"));
  try {
    const tree = join(scratch, name);
    put(join(here, name), tree);
    const changes = fill(tree);
    document(tree, name, version, epoch);
    control(tree, version, changes);
    settle(tree, epoch);
    fs.mkdirSync(out, { recursive: true });
    const architecture = changes.Architecture ?? "all";
    const file = join(out, `${name}_${version}_${architecture}.deb`);
    // One thread: xz cuts its blocks by how many there are.
    must("dpkg-deb", ["--root-owner-group", "--threads-max=1", "-Zxz", "--build", tree, file], {
      env: { ...process.env, SOURCE_DATE_EPOCH: String(epoch) },
    });
    return { file, version, bytes: fs.statSync(file).size };
  } finally {
    fs.rmSync(scratch, { recursive: true, force: true });
  }
}

function document(tree, name, version, epoch) {
  const folder = join(tree, "usr/share/doc", name);
  const when = new Date(epoch * 1000).toUTCString().replace("GMT", "+0000");
  const entry = `${name} (${version}) unstable; urgency=medium\n\n  * See CHANGELOG.md of the project.\n\n -- The ConVirt project <convirt@localhost>  ${when}\n`;
  // Not named .Debian: the packages are the project's own.
  write(join(folder, "changelog.gz"), gzipSync(entry, { level: 9 }));
  write(join(folder, "NEWS.gz"), gzipSync(fs.readFileSync(join(root, "CHANGELOG.md")), { level: 9 }));
  put(join(here, "copyright"), join(folder, "copyright"));
  for (const page of files(join(tree, "usr/share/man"))) {
    write(`${page}.gz`, gzipSync(fs.readFileSync(page), { level: 9 }));
    fs.rmSync(page);
  }
}

function control(tree, version, changes) {
  const path = join(tree, "DEBIAN/control");
  const installed = files(tree).filter((file) => !file.startsWith(join(tree, "DEBIAN")));
  const kib = Math.ceil(installed.reduce((sum, file) => sum + fs.statSync(file).size, 0) / 1024);
  const lines = fs.readFileSync(path, "utf8").trimEnd().split("\n");
  const written = lines.map((line) => {
    const field = /^([A-Z][A-Za-z-]*): (.*)$/.exec(line);
    const change = field && changes[field[1]];
    if (!change) return line;
    return `${field[1]}: ${typeof change === "function" ? change(field[2]) : change}`;
  });
  written.splice(1, 0, `Version: ${version}`, `Installed-Size: ${kib}`);
  fs.writeFileSync(path, `${written.join("\n")}\n`);
  const sums = installed.map((file) => `${digest(file)}  ${relative(tree, file)}\n`);
  write(join(tree, "DEBIAN/md5sums"), sums.join(""));
}

/** Modes as git knows them, but that what is loaded is no program; and one time for all. */
function settle(tree, epoch) {
  for (const entry of fs.readdirSync(tree, { withFileTypes: true })) {
    const path = join(tree, entry.name);
    if (entry.isDirectory()) settle(path, epoch);
    else {
      fs.chmodSync(path, fs.statSync(path).mode & 0o111 && !path.endsWith(".node") ? 0o755 : 0o644);
      fs.utimesSync(path, epoch, epoch);
    }
  }
  fs.chmodSync(tree, 0o755);
  fs.utimesSync(tree, epoch, epoch);
}

function ourVersion() {
  return JSON.parse(fs.readFileSync(join(root, "package.json"), "utf8")).version;
}

function sourceDateEpoch() {
  const given = process.env.SOURCE_DATE_EPOCH;
  return Number(given ?? must("git", ["log", "-1", "--format=%ct"], { cwd: root }).trim());
}

function licences(tree, name, file) {
  return join(tree, "usr/share/doc", name, "licences", file);
}

/** Files below a folder, in one order on every machine. */
function files(folder) {
  const found = fs.readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return found.map((entry) => join(entry.parentPath, entry.name)).sort((a, b) => (a < b ? -1 : 1));
}

function put(from, to) {
  fs.mkdirSync(dirname(to), { recursive: true });
  fs.cpSync(from, to, { recursive: true });
}

function write(to, content) {
  fs.mkdirSync(dirname(to), { recursive: true });
  fs.writeFileSync(to, content);
}

function digest(file) {
  return createHash("md5").update(fs.readFileSync(file)).digest("hex");
}

function must(program, words, options = {}) {
  const done = spawnSync(program, words, { encoding: "utf8", maxBuffer: 64 * 1024 * 1024, ...options });
  if (done.error) throw done.error;
  if (done.status !== 0) throw new Error(`${program} ${words.join(" ")} ended with ${done.status}: ${done.stderr}`);
  return done.stdout;
}
