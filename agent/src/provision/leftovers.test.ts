// What a job leaves: listed when it does not succeed, cleaned on request, and never anything that is another's.
import { spawn } from "node:child_process";
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { type CleanReply, type Ended, Outcome } from "@convirt/proto/provision";
import { afterEach, beforeEach, expect, test } from "vitest";
import { until } from "../testing.js";
import { codeOf, TestHost } from "./testing.js";

let host: TestHost;
beforeEach(async () => {
  host = await new TestHost().up();
});
afterEach(() => host.remove());

const disk = (name: string) => join(host.path, "disks", name);
const pathsOf = (ended: Ended) => ended.leftovers.map((one) => one.path);
const removedBy = (reply: CleanReply) => reply.removed.map((one) => one.path);
const remainsOf = (reply: CleanReply) => reply.remaining.map((one) => `${one.code} ${one.leftover?.path ?? ""}`);

test("a job that fails lists what it made, and what was there before is not among it", async () => {
  writeFileSync(disk("web.notes"), "by hand");
  const image = host.image(
    "Fails",
    'truncate -s 4096 "$disks/web.img"; touch "$disks/web.img.part" "$disks/other"; exit 3',
  );
  const { ended } = await host.run(host.spec(image, "web", { disks: ["web.img"] }));
  expect(ended.leftovers).toEqual([
    { kind: "file", path: disk("web.img"), bytes: 4096n, detail: "" },
    { kind: "file", path: disk("web.img.part"), bytes: 0n, detail: "" },
  ]);
});

test("clean removes all that was listed, and says the same when it is asked again", async () => {
  const image = host.image("Fails", 'mkdir -p "$disks/web"; echo x >"$disks/web/a.img"; exit 3');
  const spec = host.spec(image, "web", { disks: ["web/a.img"] });
  const { ended } = await host.run(spec);
  expect(pathsOf(ended)).toEqual([disk("web/a.img"), disk("web")]);
  const first = await host.clean(spec.jobId);
  expect(removedBy(first)).toEqual(pathsOf(ended));
  expect(first.remaining).toEqual([]);
  expect(existsSync(disk("web"))).toBe(false);
  expect(existsSync(disk(""))).toBe(true);
  expect(await host.clean(spec.jobId)).toEqual(first);
});

test("clean takes only the paths that are named, and none that was not listed", async () => {
  writeFileSync(disk("mine"), "by hand");
  const image = host.image("Fails", 'touch "$disks/web.img" "$disks/web.img.part"; exit 3');
  const spec = host.spec(image, "web", { disks: ["web.img"] });
  await host.run(spec);
  const reply = await host.clean(spec.jobId, [disk("web.img.part"), disk("mine"), "/etc/passwd"]);
  expect(removedBy(reply)).toEqual([disk("web.img.part")]);
  expect(remainsOf(reply)).toEqual([`not_listed ${disk("mine")}`, "not_listed /etc/passwd"]);
  expect([existsSync(disk("mine")), existsSync(disk("web.img"))]).toEqual([true, true]);
});

test("clean works after a restart of the agent and after the job was forgotten", async () => {
  const spec = host.spec(host.image("Fails", 'touch "$disks/web.img"; exit 3'), "web", { disks: ["web.img"] });
  await host.run(spec);
  await host.forget(spec.jobId);
  await host.restart();
  expect(removedBy(await host.clean(spec.jobId))).toEqual([disk("web.img")]);
  expect(existsSync(disk("web.img"))).toBe(false);
});

test("clean is refused for a job that is unknown and for one that has not ended", async () => {
  const spec = host.spec(host.image("Gated", 'until [ -e "$disks/gate" ]; do sleep 0.02; done'), "web");
  expect(await codeOf(host.clean(spec.jobId))).toBe("not_found");
  await host.start(spec);
  expect(await codeOf(host.clean(spec.jobId))).toBe("bad_request");
  writeFileSync(disk("gate"), "");
  await host.ended(spec.jobId);
});

test("cleanOnFailure does it at once, and the end tells what was removed", async () => {
  const image = host.image("Fails", 'touch "$disks/web.img"; exit 3');
  const { ended } = await host.run(host.spec(image, "web", { disks: ["web.img"], cleanOnFailure: true }));
  expect(ended.leftovers).toEqual([]);
  expect(ended.cleaned.map((one) => one.path)).toEqual([disk("web.img")]);
  expect(existsSync(disk("web.img"))).toBe(false);
});

test("a disk that was there and was to be replaced is no leftover", async () => {
  writeFileSync(disk("web.img"), "of value");
  const image = host.image("Fails", 'echo half >"$disks/web.img"; exit 3');
  const { ended } = await host.run(host.spec(image, "web", { disks: ["web.img"], replaceDisks: true }));
  expect(ended.outcome).toBe(Outcome.FAILED);
  expect(ended.leftovers).toEqual([]);
});

test("two jobs at once do not list or clean each other's things, though one's name begins the other's", async () => {
  const script =
    'touch "$disks/$CONVIRT_VM_NAME.img" "$disks/$CONVIRT_VM_NAME.img.tmp" "$disks/made-$CONVIRT_VM_NAME"\nuntil [ -e "$disks/gate" ]; do sleep 0.02; done; exit 3';
  const short = host.spec(host.image("Fails", script), "web", { disks: ["web.img"] });
  const long = host.spec("Fails", "web.1", { disks: ["web.1.img"] });
  await host.start(short);
  await host.start(long);
  await Promise.all([host.appears("disks/made-web"), host.appears("disks/made-web.1")]);
  writeFileSync(disk("gate"), "");
  const [one, other] = await Promise.all([host.ended(short.jobId), host.ended(long.jobId)]);
  expect(pathsOf(one.ended)).toEqual([disk("web.img"), disk("web.img.tmp")]);
  expect(pathsOf(other.ended)).toEqual([disk("web.1.img"), disk("web.1.img.tmp")]);
  await host.clean(short.jobId);
  expect(existsSync(disk("web.1.img"))).toBe(true);
});

test("clean leaves what a later job has made its own, also when that one is forgotten", async () => {
  const first = host.spec(host.image("Fails", 'touch "$disks/web.img"; exit 3'), "web", { disks: ["web.img"] });
  await host.run(first);
  const image = host.image("Works", 'echo system >"$disks/web.img"');
  const second = host.spec(image, "web", { disks: ["web.img"], replaceDisks: true });
  expect((await host.run(second)).ended.outcome).toBe(Outcome.SUCCEEDED);
  await host.forget(second.jobId);
  expect(remainsOf(await host.clean(first.jobId))).toEqual([`other_job ${disk("web.img")}`]);
  expect(readFileSync(disk("web.img"), "utf8")).toBe("system\n");
});

test("clean leaves a file that was changed or replaced since, and a link that stands in its place", async () => {
  const script = 'for n in a b c; do echo x >"$disks/web.$n"; done; exit 3';
  const spec = host.spec(host.image("Fails", script), "web");
  const other = host.spec("Fails", "web", { disks: ["web.a", "web.b", "web.c"], jobId: spec.jobId });
  await host.run(other);
  writeFileSync(disk("web.a"), "repaired by hand");
  writeFileSync(disk("new"), "another");
  renameSync(disk("new"), disk("web.b"));
  renameSync(disk("web.c"), disk("elsewhere"));
  symlinkSync(disk("elsewhere"), disk("web.c"));
  const reply = await host.clean(spec.jobId);
  expect(remainsOf(reply)).toEqual(["a", "b", "c"].map((name) => `changed ${disk(`web.${name}`)}`));
  expect([existsSync(disk("web.a")), existsSync(disk("web.b")), existsSync(disk("elsewhere"))]).toEqual([
    true,
    true,
    true,
  ]);
});

test("clean leaves a file that a process holds open", async () => {
  const spec = host.spec(host.image("Fails", 'touch "$disks/web.img"; exit 3'), "web", { disks: ["web.img"] });
  await host.run(spec);
  const held = openSync(disk("web.img"), "r");
  expect(remainsOf(await host.clean(spec.jobId))).toEqual([`in_use ${disk("web.img")}`]);
  closeSync(held);
  expect(removedBy(await host.clean(spec.jobId))).toEqual([disk("web.img")]);
});

test("clean leaves a disk that a running domain names, and everything while the toolstack does not answer", async () => {
  const spec = host.spec(host.image("Fails", 'touch "$disks/web.img"; exit 3'), "web", { disks: ["web.img"] });
  await host.run(spec);
  const config = join(host.path, "disks", "user");
  writeFileSync(
    config,
    `name = "user"\nmemory = 32\ntype = "pvh"\nkernel = "/bin/sh"\ndisk = ["${disk("web.img")},raw,xvda,w"]\n`,
  );
  await host.xl.create(config, new AbortController().signal);
  expect(remainsOf(await host.clean(spec.jobId))).toEqual([`in_use ${disk("web.img")}`]);
  host.xen.misbehave({ list: { exitCode: 1, stderr: "libxl: error" } });
  expect(remainsOf(await host.clean(spec.jobId))).toEqual([`failed ${disk("web.img")}`]);
  expect(existsSync(disk("web.img"))).toBe(true);
});

test("a process that the script leaves is found and named, also after success, and ended only on request", async () => {
  const image = host.image("Daemon", 'setsid sleep 300 & echo $! >"$disks/pid"; echo done');
  const spec = host.spec(image, "web");
  const { ended, log } = await host.run(spec);
  expect([ended.outcome, log]).toEqual([Outcome.SUCCEEDED, "done\n"]);
  const pid = readFileSync(disk("pid"), "utf8").trim();
  expect(ended.leftovers).toEqual([{ kind: "process", path: pid, bytes: 0n, detail: "sleep 300" }]);
  expect(existsSync(`/proc/${pid}`)).toBe(true);
  expect(removedBy(await host.clean(spec.jobId))).toEqual([pid]);
  await until(() => (existsSync(`/proc/${pid}`) ? undefined : true));
});

test("a process of another that took a number is not ended for it", async () => {
  const spec = host.spec(host.image("Daemon", 'setsid sleep 300 & echo $! >"$disks/pid"'), "web");
  await host.run(spec);
  const innocent = spawn("sleep", ["60"]);
  const record = join(host.path, "state", "leftovers", `${spec.jobId}.json`);
  const pid = readFileSync(disk("pid"), "utf8").trim();
  writeFileSync(record, readFileSync(record, "utf8").replaceAll(`"${pid} `, `"${innocent.pid} `));
  await host.clean(spec.jobId);
  expect(innocent.kill(0)).toBe(true);
  innocent.kill("SIGKILL");
  process.kill(Number(pid), "SIGKILL");
});

test("a domain that is left of a start that failed is listed and destroyed on request", async () => {
  const script = `cat >"$disks/domain" <<END
name = "web"
uuid = "$CONVIRT_VM_UUID"
memory = 32
type = "pvh"
kernel = "/bin/sh"
END
'${host.xen.xl}' create "$disks/domain" >/dev/null; exit 3`;
  const spec = host.spec(host.image("Starts", script), "web");
  const { ended } = await host.run(spec);
  expect(ended.leftovers).toEqual([{ kind: "domain", path: "web", bytes: 0n, detail: spec.vmUuid }]);
  expect(removedBy(await host.clean(spec.jobId))).toEqual(["web"]);
  expect((await host.xl.list(new AbortController().signal)).map((one) => one.name)).toEqual(["Domain-0"]);
});

test.runIf(process.getuid?.() === 0)(
  "a mount of one of the job's disks is listed, and goes before what it holds",
  async () => {
    const script = `truncate -s 8M "$disks/web.img"; mkfs.ext4 -q "$disks/web.img"; mkdir "$disks/web"; mount -o loop "$disks/web.img" "$disks/web" || exit 9; exit 3`;
    const spec = host.spec(host.image("Mounts", script), "web", { disks: ["web.img"] });
    const { ended } = await host.run(spec);
    if (ended.exitCode === 9) {
      process.stderr.write("This machine mounts no loop devices: not tested here\n");
      return;
    }
    expect(ended.leftovers.map((one) => one.kind)).toEqual(["mount", "loop_device", "file", "directory"]);
    expect((await host.clean(spec.jobId)).remaining).toEqual([]);
    expect([existsSync(disk("web.img")), existsSync(disk("web"))]).toEqual([false, false]);
  },
);

test("the image's folder is looked at too", async () => {
  const script = 'touch "$CONVIRT_STORE/$CONVIRT_IMAGE/web.cache"; exit 3';
  const spec = host.spec(host.image("Fails", script), "web");
  mkdirSync(join(host.path, "store", "Fails"), { recursive: true });
  const { ended } = await host.run(spec);
  expect(pathsOf(ended)).toEqual([join(host.path, "store", "Fails", "web.cache")]);
});
