// What `apt purge` takes away, and what it leaves: the packages' own scripts, with /var and /etc of their own. The packages may be on one machine.
import { spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { root } from "@convirt/demo/installation";
import { afterEach, beforeEach, expect, test } from "vitest";

const controllers = ["/var/lib/convirt", "/var/cache/convirt/image_store"];
const agents = ["/var/lib/convirt-agent", "/var/log/convirt", "/var/cache/convirt/agent_store"];
const guests = ["/var/cache/convirt/vm_disks"];
let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "convirt-purge-"));
  mkdirSync(join(folder, "bin"));
  writeFileSync(join(folder, "bin/deb-systemd-helper"), "#!/bin/sh\n");
  chmodSync(join(folder, "bin/deb-systemd-helper"), 0o755);
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** Purges a package where these folders are; returns those that are left. */
function purge(name: string, there: string[]): string[] {
  for (const path of [...there, "/etc/convirt"]) mkdirSync(join(folder, path), { recursive: true });
  const words = ["--mount", ...(process.getuid?.() === 0 ? [] : ["--map-root-user"]), "sh", "-ec"];
  const script = `mount --bind "$1/etc" /etc; mount --bind "$1/var" /var; exec sh "$2" purge`;
  const postrm = join(root, "packaging", name, "DEBIAN/postrm");
  const done = spawnSync("unshare", [...words, script, "sh", folder, postrm], {
    encoding: "utf8",
    env: { PATH: `${join(folder, "bin")}:/usr/sbin:/usr/bin:/sbin:/bin` },
  });
  expect({ status: done.status, stderr: done.stderr }).toEqual({ status: 0, stderr: "" });
  return [...there, "/var/cache/convirt", "/etc/convirt"].filter((path) => existsSync(join(folder, path)));
}

test("the agent leaves nothing of its own, and every guest", () => {
  const store = "/var/cache/convirt/image_store";
  expect(purge("convirt-agent", [...agents, store])).toEqual([]);
  expect(purge("convirt-agent", [...agents, store, ...guests])).toEqual([...guests, "/var/cache/convirt"]);
});

test("the agent leaves the records and images of a controller that was removed and not purged", () => {
  expect(purge("convirt-agent", [...agents, ...controllers])).toEqual([...controllers, "/var/cache/convirt"]);
});

test("the controller leaves nothing of its own", () => {
  expect(purge("convirt-controller", controllers)).toEqual([]);
});
