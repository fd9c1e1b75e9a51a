// How a script ends that does not end by itself, and what it may cost its host: cancel, time, the clock, the length of its log, another boot.
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { CancelOutcome, type JobEvent, Outcome, Phase } from "@convirt/proto/provision";
import { afterEach, beforeEach, expect, test } from "vitest";
import { ScriptGroup } from "../script/group.js";
import { cutMark } from "../script/log-limit.js";
import { until } from "../testing.js";
import { TestHost } from "./testing.js";

let host: TestHost;
beforeEach(async () => {
  host = await new TestHost().up();
});
afterEach(() => host.remove());

const mib = 1024 * 1024;
const gated = `touch "$disks/begun"; until [ -e "$disks/gate" ]; do sleep 0.02; done`;
const openGate = () => writeFileSync(join(host.path, "disks", "gate"), "");
const sha256 = (text: string) => createHash("sha256").update(text).digest("hex");

/** Ends what the job runs as the power does: nobody is left to write anything. */
async function powerCut(jobId: string): Promise<void> {
  await host.down();
  for (const name of ["runner", "script"]) {
    const pid = Number(readFileSync(join(host.journal(jobId), name), "utf8").split(" ")[0]);
    process.kill(name === "script" ? -pid : pid, "SIGKILL");
    await until(() => isGone(pid) || undefined);
  }
  // The next boot has another id; the notes of the one before have this.
  for (const name of ["launched", "runner", "script"]) {
    const path = join(host.journal(jobId), name);
    const boot = readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
    writeFileSync(path, readFileSync(path, "utf8").replace(boot, "00000000-0000-4000-8000-000000000000"));
  }
}

/** Dead, be it buried or not. */
function isGone(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.startsWith("Z") === true;
  } catch {
    return true;
  }
}

test("a cancelled script is asked to stop, with all of its process group", async () => {
  const script = `sleep 300 & echo $! >"$disks/child"; trap 'echo stopping; exit 4' TERM; ${gated}`;
  const spec = host.spec(host.image("Polite", script), "web");
  await host.start(spec);
  await host.appears("disks/begun");
  expect((await host.cancel(spec.jobId)).outcome).toBe(CancelOutcome.ASKED_TO_STOP);
  const { ended, log } = await host.ended(spec.jobId);
  expect(ended).toMatchObject({ outcome: Outcome.CANCELLED, code: "cancelled", exitCode: 4, leftovers: [] });
  expect(log).toContain("stopping\n");
  expect((await host.cancel(spec.jobId)).outcome).toBe(CancelOutcome.TOO_LATE);
});

test("a script that does not listen is killed when its grace is over", async () => {
  const spec = host.spec(host.image("Deaf", `trap '' TERM; ${gated}`), "web");
  await host.start(spec);
  await host.appears("disks/begun");
  expect((await host.cancel(spec.jobId)).outcome).toBe(CancelOutcome.ASKED_TO_STOP);
  expect((await host.ended(spec.jobId)).ended).toMatchObject({ outcome: Outcome.CANCELLED, exitCode: 137 });
});

test("what a cancelled script started and what does not listen is killed too, though the script itself has ended", async () => {
  const child = `bash -c 'trap "" TERM; touch "$0/deaf"; while :; do sleep 1; done' "$disks" & echo $! >"$disks/child"`;
  const script = `${child}; trap 'exit 4' TERM; until [ -e "$disks/deaf" ]; do sleep 0.02; done; ${gated}`;
  const spec = host.spec(host.image("HalfDeaf", script), "web");
  await host.start(spec);
  await host.appears("disks/begun");
  await host.cancel(spec.jobId);
  const { ended } = await host.ended(spec.jobId);
  expect(ended).toMatchObject({ outcome: Outcome.CANCELLED, exitCode: 4, leftovers: [] });
  expect(isGone(Number(readFileSync(join(host.path, "disks", "child"), "utf8")))).toBe(true);
});

test("a group of processes that has the number of a script which ended is not taken for the script's", async () => {
  const folder = join(host.path, "job");
  mkdirSync(folder);
  const other = spawn("sleep", ["300"], { detached: true });
  try {
    const boot = readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
    writeFileSync(join(folder, "script"), `${other.pid} 1 ${boot}\n`);
    const group = new ScriptGroup(folder, "00000000-0000-4000-8000-000000000000");
    expect([group.isThere, group.signal("SIGKILL")]).toEqual([false, false]);
    expect(isGone(other.pid ?? 0)).toBe(false);
  } finally {
    other.kill("SIGKILL");
  }
});

test("a wish to cancel holds over a restart of the agent", async () => {
  const spec = host.spec(host.image("Deaf", `trap '' TERM; ${gated}`), "web");
  await host.start(spec);
  await host.appears("disks/begun");
  await host.cancel(spec.jobId);
  await host.restart();
  expect((await host.ended(spec.jobId)).ended).toMatchObject({ outcome: Outcome.CANCELLED, code: "cancelled" });
});

test("a child that keeps the log open does not hold the job", async () => {
  const spec = host.spec(host.image("Holds", 'setsid sleep 300 & echo $! >"$disks/pid"; echo done'), "web");
  const { ended, log } = await host.run(spec);
  expect([ended.outcome, log]).toEqual([Outcome.SUCCEEDED, "done\n"]);
  await host.clean(spec.jobId);
});

test("a script's time is counted from its launch, over restarts", async () => {
  const spec = host.spec(host.image("Slow", gated), "web", { timeoutMs: 3_000 });
  await host.start(spec);
  await host.appears("disks/begun");
  await host.restart();
  const { ended } = await host.ended(spec.jobId);
  expect(ended).toMatchObject({ outcome: Outcome.FAILED, code: "timed_out" });
});

test("a clock that is set an hour forward or back ends no script and keeps the order of events", async () => {
  const now = Date.now;
  const spec = host.spec(host.image("Gated", gated), "web", { timeoutMs: 50_000 });
  try {
    await host.start(spec);
    await host.appears("disks/begun");
    Date.now = () => now() + 3_600_000;
    await host.restart();
    Date.now = () => now() - 3_600_000;
    await host.restart();
    openGate();
    const { ended, events } = await host.ended(spec.jobId);
    expect(ended.outcome).toBe(Outcome.SUCCEEDED);
    expect(events.map((event) => Number(event.sequence))).toEqual(events.map((_, index) => index + 1));
  } finally {
    Date.now = now;
  }
});

test("a job whose script ran when the host went down is lost, with what it left; it does not run again", async () => {
  const spec = host.spec(host.image("Cut", `touch "$disks/web.img"; ${gated}`), "web", { disks: ["web.img"] });
  await host.start(spec);
  await host.appears("disks/begun");
  await powerCut(spec.jobId);
  await host.up();
  const { ended } = await host.ended(spec.jobId);
  expect(ended).toMatchObject({ outcome: Outcome.LOST, code: "runner_lost", exitCode: -1 });
  expect(ended.leftovers.map((one) => one.path)).toEqual([join(host.path, "disks", "web.img")]);
  expect(host.runs(spec.jobId)).toBe(1);
  expect((await host.clean(spec.jobId)).remaining).toEqual([]);
  expect(existsSync(join(host.path, "disks", "web.img"))).toBe(false);
});

test.each([
  ["launched", ["web.img"]],
  ["before", []],
])(
  "a job whose note %s a broken disk has spoilt is lost, and only what is known to be new is named",
  async (name, left) => {
    const spec = host.spec(host.image("Cut", `touch "$disks/web.img"; ${gated}`), "web", { disks: ["web.img"] });
    await host.start(spec);
    await host.appears("disks/begun");
    await powerCut(spec.jobId);
    writeFileSync(join(host.journal(spec.jobId), name), "\0\0\0\0");
    await host.up();
    const { ended } = await host.ended(spec.jobId);
    expect(ended).toMatchObject({ outcome: Outcome.LOST, code: "runner_lost" });
    expect(ended.leftovers.map((one) => one.path)).toEqual(left.map((file) => join(host.path, "disks", file)));
    expect(host.runs(spec.jobId)).toBe(1);
  },
);

test("a job whose script had not begun when the host went down goes on", async () => {
  const spec = host.spec(host.image("Plain", "echo hello"), "web");
  await host.run(spec);
  await host.down();
  for (const name of ["launched", "runner", "script", "exit", "events", "lock"])
    rmSync(join(host.journal(spec.jobId), name));
  rmSync(join(host.path, `runs-${spec.jobId}`));
  await host.up();
  expect((await host.ended(spec.jobId)).ended.outcome).toBe(Outcome.SUCCEEDED);
  expect(host.runs(spec.jobId)).toBe(1);
});

test("a runner that is killed leaves the job lost, and the script that runs on is named", async () => {
  const spec = host.spec(host.image("Gated", gated), "web");
  await host.start(spec);
  await host.appears("disks/begun");
  process.kill(Number(readFileSync(join(host.journal(spec.jobId), "runner"), "utf8").split(" ")[0]), "SIGKILL");
  const { ended } = await host.ended(spec.jobId);
  expect(ended).toMatchObject({ outcome: Outcome.LOST, code: "runner_lost" });
  expect(ended.leftovers.some((one) => one.kind === "process" && one.detail.includes("provision.sh"))).toBe(true);
  expect((await host.clean(spec.jobId)).remaining).toEqual([]);
});

test("a process that has the runner's number but not its start is not taken for it", async () => {
  const spec = host.spec(host.image("Gated", gated), "web");
  await host.start(spec);
  await host.appears("disks/begun");
  await host.down();
  const note = join(host.journal(spec.jobId), "runner");
  const [pid, , boot] = readFileSync(note, "utf8").trim().split(" ");
  writeFileSync(note, `${pid} 1 ${boot}\n`);
  await host.up();
  expect((await host.ended(spec.jobId)).ended.code).toBe("runner_lost");
  openGate();
});

test("a log is cut at its limit with a mark, the script goes on, and what follows is bounded", async () => {
  const script = `head -c ${3 * mib} /dev/zero | tr '\\0' x; ${gated}; head -c ${mib} /dev/zero; echo end; exit 5`;
  const spec = host.spec(host.image("Loud", script), "web");
  await host.start(spec);
  await host.appears("disks/begun");
  const whole = `${"x".repeat(mib)}${cutMark(1)}`;
  const logFile = join(host.path, "logs", "Loud", "Loud_web.log");
  await until(() => (statSync(logFile).size === whole.length ? true : undefined));
  openGate();
  const { ended, log } = await host.ended(spec.jobId);
  expect(ended).toMatchObject({ code: "script_failed", exitCode: 5, logCut: true, logBytes: BigInt(whole.length) });
  expect(log === whole).toBe(true);
  expect(ended.logSha256).toBe(sha256(whole));
  expect(readFileSync(logFile, "utf8") === whole).toBe(true);
});

test("a log that has its limit to the byte is not cut", async () => {
  const { ended, log } = await host.run(host.spec(host.image("Full", `head -c ${mib} /dev/zero | tr '\\0' x`), "web"));
  expect([ended.logCut, log.length]).toEqual([false, mib]);
});

test("the log of a process that was left behind stays bounded too, and is no part of the job's", async () => {
  // It writes more than the limit at once, then a little at a time: no test fills the disk of a slow machine.
  const loud = `head -c ${2 * mib} /dev/zero; touch "$disks/loud"; while :; do echo more; sleep 0.02; done`;
  const script = `(trap '' HUP; ${loud}) & until [ -e "$disks/loud" ]; do sleep 0.01; done`;
  const spec = host.spec(host.image("Endless", script), "web");
  const { ended, log } = await host.run(spec);
  expect(ended.outcome).toBe(Outcome.SUCCEEDED);
  expect(Buffer.byteLength(log)).toBe(Number(ended.logBytes));
  const logFile = join(host.path, "logs", "Endless", "Endless_web.log");
  const isCut = () => readFileSync(logFile).subarray(mib).toString("utf8").startsWith(cutMark(1));
  await until(() => (isCut() && statSync(logFile).size > mib + cutMark(1).length ? true : undefined));
  await host.clean(spec.jobId);
  await until(() => (statSync(logFile).size === mib + cutMark(1).length ? true : undefined));
});

test("a follower may come back anywhere and has the same bytes and events", async () => {
  const spec = host.spec(host.image("Lines", "for i in $(seq 1 2000); do echo line $i; done"), "web");
  const { log, events } = await host.run(spec);
  for (const at of [0, 1, 17, 4096, log.length - 1, log.length, log.length + 5]) {
    const pieces: Buffer[] = [];
    const seen: JobEvent[] = [];
    const after = at % events.length;
    for await (const event of host.stream(spec.jobId, BigInt(after), BigInt(at)) as AsyncIterable<JobEvent>) {
      if (event.event?.$case === "log") pieces.push(Buffer.from(event.event.value.data));
      else seen.push(event);
    }
    expect(Buffer.concat(pieces).toString("utf8")).toBe(log.slice(at));
    expect(seen).toEqual(events.slice(after));
  }
});

test("a toolstack that hangs holds up no other job, no follower and no wish to cancel", async () => {
  host.xen.misbehave({ list: { hang: true }, info: { hang: true } });
  const spec = host.spec(host.image("Gated", gated), "web");
  await host.start(spec);
  await host.appears("disks/begun");
  const other = host.spec("Gated", "other");
  expect((await host.start(other)).known).toBe(false);
  expect((await host.cancel(other.jobId)).outcome).not.toBe(CancelOutcome.TOO_LATE);
  expect((await host.ended(other.jobId)).ended.outcome).toBe(Outcome.CANCELLED);
  expect((await host.cancel(spec.jobId)).outcome).toBe(CancelOutcome.ASKED_TO_STOP);
  expect((await host.ended(spec.jobId)).ended.outcome).toBe(Outcome.CANCELLED);
});

test("a job whose image's files never come fails in stage when its time is over, and its script never ran", async () => {
  await host.remove();
  host = await new TestHost((config) => ({ limits: { ...config.limits, stagingMs: 200 } })).up();
  const tree = { name: "Absent", digest: "0".repeat(64), bytes: 10n };
  const spec = host.spec(host.image("Absent", "true"), "web", { trees: [tree] });
  await host.start(spec);
  const { ended, events } = await host.ended(spec.jobId);
  expect(ended).toMatchObject({
    ...{ outcome: Outcome.FAILED, code: "staging_failed", phase: Phase.STAGE, leftovers: [], commands: [] },
    message: "The image's files did not arrive within 0.2 s (limits.staging_s)",
  });
  expect(events.map(({ event }) => event?.$case)).toContain("stagingNeeded");
  expect(host.runs(spec.jobId)).toBe(0);
});
