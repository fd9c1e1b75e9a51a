// What the tests need of Debian, by package name. As root it is installed; otherwise what lacks is named, with the command that brings it, and the run goes on:
// what cannot be tested without it then fails and says why.
import { spawnSync } from "node:child_process";
import { must } from "./steps.mjs";

const packages = [
  "busybox-static",
  "bzip2",
  "chromium",
  "cpio",
  "curl",
  "dosfstools",
  "e2fsprogs",
  "fdisk",
  "fonts-liberation",
  "genisoimage",
  "libfaketime",
  "libxen-dev",
  "mtools",
  "openssh-server",
  "qemu-utils",
  "rsync",
  "shellcheck",
  "unzip",
  "util-linux",
  "xfsprogs",
  "xz-utils",
  "zip",
  "zstd",
];

function isInstalled(name) {
  const asked = spawnSync("dpkg-query", ["--status", name], { encoding: "utf8" });
  return asked.status === 0 && asked.stdout.includes("\nStatus: install ok installed\n");
}

/** Brings what is missing, or says what it is. */
export function prepareMachine() {
  if (spawnSync("dpkg-query", ["--version"]).error) {
    process.stderr.write(`This is not Debian. The tests need what Debian has as: ${packages.join(" ")}\n`);
    return;
  }
  const missing = packages.filter((name) => !isInstalled(name));
  if (missing.length === 0) return;
  if (process.getuid() !== 0) {
    process.stderr.write(`Packages lack that the tests need: sudo apt-get install ${missing.join(" ")}\n`);
    return;
  }
  process.stdout.write(`installing: ${missing.join(" ")}\n`);
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  must("apt-get", ["update", "--quiet=2"], { env });
  must("apt-get", ["install", "--quiet=2", "--yes", "--no-install-recommends", ...missing], { env });
}
