// A disk that is full or read-only: a clear end or a clear refusal, nothing broken, and work goes on when there is room again. On file systems of a few MiB in memory.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Outcome } from "@convirt/proto/provision";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { codeOf, TestHost } from "./testing.js";

const isRoot = process.getuid?.() === 0;
if (!isRoot) process.stderr.write("Only root can mount: full disks are not tested here\n");

let host: TestHost;
let mounted: string[];

function mountSmall(name: string, mib: number): string {
  const path = join(host.path, name);
  mkdirSync(path, { recursive: true });
  const done = spawnSync("mount", ["-t", "tmpfs", "-o", `size=${mib}m`, "tmpfs", path], { encoding: "utf8" });
  if (done.status !== 0) throw new Error(`Cannot mount ${path}: ${done.stderr}`);
  mounted.push(path);
  return path;
}

function remount(path: string, how: "ro" | "rw"): void {
  const done = spawnSync("mount", ["-o", `remount,${how}`, path], { encoding: "utf8" });
  if (done.status !== 0) throw new Error(`Cannot remount ${path}: ${done.stderr}`);
}

/** Leaves not one block free. */
function fill(path: string): void {
  for (const bytes of [1024 * 1024, 4096, 1]) {
    for (let index = 0; ; index += 1) {
      const file = join(path, `filler-${bytes}-${index}`);
      try {
        writeFileSync(file, Buffer.alloc(bytes));
      } catch {
        rmSync(file, { force: true });
        break;
      }
    }
  }
}

function makeRoom(path: string): void {
  for (const name of readdirSync(path)) if (name.startsWith("filler-")) rmSync(join(path, name));
}

describe.runIf(isRoot)("on a small disk", () => {
  beforeEach(() => {
    mounted = [];
    host = new TestHost();
  });
  afterEach(async () => {
    await host.down();
    for (const path of mounted.reverse()) spawnSync("umount", ["--lazy", path]);
    await host.remove();
  });

  test("a full state folder refuses new jobs and takes them when there is room", async () => {
    const state = mountSmall("state", 4);
    await host.up();
    fill(state);
    const spec = host.spec(host.image("Plain", "echo hello"), "web");
    expect(await codeOf(host.start(spec))).toBe("no_space");
    expect(existsSync(host.journal(spec.jobId))).toBe(false);
    makeRoom(state);
    expect((await host.run(spec)).ended.outcome).toBe(Outcome.SUCCEEDED);
  });

  test("a read-only state folder refuses new jobs and takes them when it can be written again", async () => {
    const state = mountSmall("state", 4);
    await host.up();
    remount(state, "ro");
    const spec = host.spec(host.image("Plain", "echo hello"), "web");
    expect(await codeOf(host.start(spec))).toBe("no_space");
    remount(state, "rw");
    expect((await host.run(spec)).ended.outcome).toBe(Outcome.SUCCEEDED);
  });

  test("a state folder that fills up in the middle of a job loses neither its exit nor its events", async () => {
    const state = mountSmall("state", 4);
    await host.up();
    const spec = host.spec(
      host.image("Gated", 'touch "$disks/begun"; until [ -e "$disks/gate" ]; do sleep 0.02; done; exit 6'),
      "web",
    );
    await host.start(spec);
    await host.appears("disks/begun");
    fill(state);
    writeFileSync(join(host.path, "disks", "gate"), "");
    const { ended, events } = await host.ended(spec.jobId);
    expect(ended).toMatchObject({ code: "script_failed", exitCode: 6 });
    await host.restart();
    expect((await host.ended(spec.jobId)).events).toEqual(events);
    makeRoom(state);
    expect((await host.run(host.spec("Gated", "next"))).ended.exitCode).toBe(6);
  });

  test("a full folder of logs ends the job with no_space, and the next one goes through", async () => {
    const logs = mountSmall("logs", 2);
    await host.up();
    fill(logs);
    const image = host.image("Plain", "echo hello");
    const { ended } = await host.run(host.spec(image, "web"));
    expect(ended).toMatchObject({ outcome: Outcome.FAILED, code: "no_space" });
    makeRoom(logs);
    expect((await host.run(host.spec(image, "web"))).log).toBe("hello\n");
  });

  test("a script that fills its disk ends with no_space, which names the folder; cleaning makes room", async () => {
    const disks = mountSmall("disks", 3);
    await host.up();
    const spec = host.spec(host.image("Fills", 'dd if=/dev/zero of="$disks/web.img" bs=64k'), "web", {
      disks: ["web.img"],
    });
    const { ended } = await host.run(spec);
    expect(ended).toMatchObject({ outcome: Outcome.FAILED, code: "no_space" });
    expect(ended.message).toContain(disks);
    expect(await host.check(host.spec("Fills", "next", { disks: ["next.img"] }))).toMatchObject({
      refusals: [{ code: "no_space" }],
    });
    expect((await host.clean(spec.jobId)).remaining).toEqual([]);
    expect((await host.check(host.spec("Fills", "next", { disks: ["next.img"] }))).refusals).toEqual([]);
  });

  test("a read-only folder of disks is found in the check", async () => {
    const disks = mountSmall("disks", 3);
    await host.up();
    remount(disks, "ro");
    const { ended } = await host.run(host.spec(host.image("Plain", "echo hello"), "web", { disks: ["web.img"] }));
    expect(ended).toMatchObject({ outcome: Outcome.FAILED, code: "no_space" });
    expect(ended.message).toContain("read-only");
    remount(disks, "rw");
  });
});
