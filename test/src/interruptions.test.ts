import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { JobEvent } from "@convirt/contract/job";
import { root } from "@convirt/demo/installation";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startInstallation, type TestInstallation } from "./testing.js";

let t: TestInstallation;
let gate: string;

/** Prints numbered lines, counts its own runs, and waits at the gate in the middle. */
const script = `#!/bin/bash
echo run >>"$CONVIRT_STORE/../runs"
for i in $(seq 1 50); do echo "line $i"; done
until [ -e "$CONVIRT_STORE/../gate" ]; do sleep 0.02; done
for i in $(seq 51 100); do echo "line $i"; done
`;
const bare = { imageConf: "VM_CONF_DIR='/c'\n", vmConf: "name=''\nmemory=32\ntype='pvh'\nkernel='/bin/sh'\n" };
const wholeLog = `${Array.from({ length: 100 }, (_, index) => `line ${index + 1}`).join("\n")}\n`;

beforeAll(async () => {
  t = await startInstallation(["xen1", "xen2"]);
  gate = join(t.installation.host("xen1").folder, "gate");
  await t.addImage("Gated", { script, ...bare });
  await t.addImage("Deaf", {
    script: "#!/bin/bash\ntrap '' TERM\necho listening\nwhile :; do sleep 1; done\n",
    ...bare,
  });
  await t.addImage("Daemon", { script: "#!/bin/bash\nsetsid sleep 20 &\necho done\n", ...bare });
}, 60_000);
afterAll(() => t.stop());

const places = (host: string) => ({ VM_CONF_DIR: t.installation.places(host)["VM_CONF_DIR"] ?? "" });
const provision = (image: string, vm: string, host = "xen1") =>
  t.installation.client.call("provision", { body: { image, host, vm, imageConf: places(host) } });
const runs = () =>
  readFileSync(join(t.installation.host("xen1").folder, "runs"), "utf8")
    .trim()
    .split("\n").length;

/** Waits until the job's log holds the text; the limit is the test's own. */
async function logHolds(id: string, text: string): Promise<void> {
  for (;;) {
    const log = (await t.installation.client.log(id)).toString("utf8");
    if (log.includes(text)) return;
    await delay(20);
  }
}

function reset(): void {
  rmSync(gate, { force: true });
  rmSync(join(t.installation.host("xen1").folder, "runs"), { force: true });
}

function openGate(): void {
  writeFileSync(gate, "");
}

test("an agent that is killed in the middle of a script finds it again: it ran once, and no byte of its log is lost or doubled", async () => {
  reset();
  const job = await provision("Gated", "killed-agent");
  await logHolds(job.id, "line 50\n");
  await t.installation.stopAgent("xen1", "SIGKILL");
  await t.installation.restartAgent("xen1");
  openGate();
  const ended = await t.installation.client.ended(job.id);
  expect(ended).toMatchObject({ status: "succeeded", exitCode: 0 });
  expect((await t.installation.client.log(job.id)).toString("utf8")).toBe(wholeLog);
  expect(runs()).toBe(1);
}, 60_000);

test("a controller that is killed takes the job up again from where it was", async () => {
  reset();
  const job = await provision("Gated", "killed-controller");
  await logHolds(job.id, "line 50\n");
  await t.installation.stopController("SIGKILL");
  openGate();
  await t.installation.startController();
  const ended = await t.installation.client.ended(job.id);
  expect(ended).toMatchObject({ status: "succeeded" });
  expect((await t.installation.client.log(job.id)).toString("utf8")).toBe(wholeLog);
  expect(runs()).toBe(1);
}, 60_000);

test("a client that is cut off resumes by Last-Event-ID and has every event once", async () => {
  reset();
  const job = await provision("Gated", "cut-client");
  const seen: JobEvent[] = [];
  const cut = new AbortController();
  try {
    for await (const event of t.installation.client.events(job.id, { signal: cut.signal })) {
      seen.push(event);
      if (event.kind === "log") break;
    }
  } finally {
    cut.abort();
  }
  openGate();
  for await (const event of t.installation.client.events(job.id, { last: seen.at(-1)?.sequence ?? 0 }))
    seen.push(event);
  expect(seen.map((event) => event.sequence)).toEqual(seen.map((_, index) => index + 1));
  const log = Buffer.concat(
    seen.map((event) => (event.kind === "log" ? Buffer.from(event.base64, "base64") : Buffer.alloc(0))),
  );
  expect(log.toString("utf8")).toBe(wholeLog);
}, 60_000);

test("the same request sent twenty times at once under one key is one job", async () => {
  reset();
  openGate();
  const body = { image: "Gated", host: "xen1", vm: "twenty", imageConf: places("xen1") };
  const headers = { "idempotency-key": "one-wish" };
  const jobs = await Promise.all(
    Array.from({ length: 20 }, () => t.installation.client.call("provision", { body, headers })),
  );
  expect(new Set(jobs.map((job) => job.id)).size).toBe(1);
  await t.installation.client.ended(jobs[0]?.id ?? "");
  expect(runs()).toBe(1);
  await expect(
    t.installation.client.call("provision", { body: { ...body, vm: "other" }, headers }),
  ).rejects.toMatchObject({ code: "idempotency_key_reused" });
}, 60_000);

test("a script that ignores TERM is ended all the same, and the job says cancelled", async () => {
  const job = await provision("Deaf", "deaf");
  await logHolds(job.id, "listening\n");
  const { outcome } = await t.installation.client.call("cancelJob", { params: { id: job.id } });
  expect(outcome).toBe("asked_to_stop");
  expect(await t.installation.client.ended(job.id)).toMatchObject({ status: "cancelled" });
}, 60_000);

test("a child that keeps the script's output open does not hold the job", async () => {
  const job = await provision("Daemon", "daemon");
  const ended = await t.installation.client.ended(job.id);
  expect(ended).toMatchObject({ status: "succeeded" });
  expect(Date.parse(ended.endedAt ?? "") - Date.parse(ended.createdAt)).toBeLessThan(15_000);
}, 60_000);

test("a host that goes away is shown as silent, refuses new jobs, and does not hold up another", async () => {
  await t.installation.stopAgent("xen2", "SIGKILL");
  for (;;) {
    const host = await t.installation.client.call("showHost", { params: { name: "xen2" } });
    if (host.contact === "silent") break;
    await delay(50);
  }
  await expect(provision("Gated", "away", "xen2")).rejects.toMatchObject({ code: "host_not_in_contact" });
  reset();
  openGate();
  expect(await t.installation.client.ended((await provision("Gated", "here")).id)).toMatchObject({
    status: "succeeded",
  });
  await t.installation.restartAgent("xen2");
  await t.installation.inContact("xen2");
}, 60_000);

test("a second controller on the same database refuses to start and says why", async () => {
  const env = {
    PATH: process.env["PATH"] ?? "",
    CONVIRT_DATA_DIR: join(t.folder, "controller"),
    CONVIRT_HTTP_LISTEN: "127.0.0.1:0",
    CONVIRT_HTTPS_LISTEN: "127.0.0.1:0",
    CONVIRT_STORE_DIR: t.store,
  };
  const second = spawnSync(process.execPath, [join(root, "controller/dist/bundle/main.js")], {
    env,
    encoding: "utf8",
    timeout: 20_000,
  });
  expect(second.status).toBe(1);
  expect(second.stderr).toMatch(/another controller \(process \d+\) works on it/);
  expect(existsSync(join(t.folder, "controller", "convirt.db"))).toBe(true);
}, 60_000);
