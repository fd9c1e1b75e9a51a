// Nothing runs twice: whatever is asked again, killed, restarted or forgotten, a job's script and its `xl create` are begun at most once.
import {
  closeSync,
  cpSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { CancelOutcome, Outcome } from "@convirt/proto/provision";
import { afterEach, beforeEach, expect, test } from "vitest";
import { until } from "../testing.js";
import { codeOf, TestHost } from "./testing.js";

let host: TestHost;
beforeEach(async () => {
  host = await new TestHost().up();
});
afterEach(() => host.remove());

const gated = `touch "$disks/../begun"; until [ -e "$disks/../gate" ]; do sleep 0.02; done; echo through`;
const openGate = () => writeFileSync(join(host.path, "gate"), "");
const creates = () => host.xen.calls().filter((call) => call === "create").length;

test("twenty Start calls at once for one id are one job, and its script runs once", async () => {
  const spec = host.spec(host.image("Plain", "echo hello"), "web");
  const replies = await Promise.all(Array.from({ length: 20 }, () => host.start(spec)));
  expect(replies.filter((reply) => !reply.known)).toHaveLength(1);
  const { ended, log } = await host.ended(spec.jobId);
  expect(ended).toMatchObject({ outcome: Outcome.SUCCEEDED, exitCode: 0 });
  expect(log).toBe("hello\n");
  expect(host.runs(spec.jobId)).toBe(1);
});

test("an agent that comes back follows the script that runs, and does not run it again", async () => {
  const spec = host.spec(host.image("Gated", gated), "web");
  await host.start(spec);
  await host.appears("begun");
  await host.restart();
  expect((await host.start(spec)).known).toBe(true);
  openGate();
  expect(await host.ended(spec.jobId)).toMatchObject({ ended: { outcome: Outcome.SUCCEEDED }, log: "through\n" });
  expect(host.runs(spec.jobId)).toBe(1);
});

test("a script that ended while no agent was there is not run again, and its exit is known", async () => {
  const spec = host.spec(host.image("Gated", `${gated}; exit 7`), "web");
  await host.start(spec);
  await host.appears("begun");
  await host.down();
  openGate();
  await host.appears(`state/jobs/${spec.jobId}/exit`);
  await host.up();
  expect((await host.ended(spec.jobId)).ended).toMatchObject({ code: "script_failed", exitCode: 7 });
  expect(host.runs(spec.jobId)).toBe(1);
});

test("an agent that went between the note of the launch and the launch launches: nobody has run the script", async () => {
  const spec = host.spec(host.image("Plain", "echo hello"), "web");
  await host.run(spec);
  await host.down();
  // As the crash leaves it: the note is there, the runner is not.
  for (const name of ["runner", "script", "exit", "events", "lock"]) rmSync(join(host.journal(spec.jobId), name));
  rmSync(join(host.path, `runs-${spec.jobId}`));
  await host.up();
  expect((await host.ended(spec.jobId)).ended).toMatchObject({ outcome: Outcome.SUCCEEDED });
  expect(host.runs(spec.jobId)).toBe(1);
});

test("an agent that starts leaves the program of a runner that is under way as it is", async () => {
  const path = join(host.path, "state", "runner.sh");
  const file = openSync(path, "r");
  try {
    const before = readFileSync(path);
    writeFileSync(path, "# of another release\n");
    await host.restart();
    expect([readFileSync(path).equals(before), readFileSync(file, "utf8")]).toEqual([true, "# of another release\n"]);
  } finally {
    closeSync(file);
  }
});

test("a runner that comes late finds the job taken and does not run the script", async () => {
  const spec = host.spec(host.image("Plain", "echo hello"), "web");
  await host.run(spec);
  const folder = host.journal(spec.jobId);
  const { run } = await import("../process/run.js");
  const command: [string, ...string[]] = [
    "/bin/sh",
    join(host.path, "state", "runner.sh"),
    folder,
    "1",
    "0",
    "/bin/sh",
    "-c",
  ];
  const late = await run([...command, `touch ${host.path}/again`], {
    ...{ signal: new AbortController().signal, timeoutMs: 10_000 },
  });
  // 97: the first one still holds the lock; 98: it has left its mark.
  expect([97, 98]).toContain(late.exitCode);
  expect(existsSync(join(host.path, "again"))).toBe(false);
});

test("a job that was forgotten does not run again, not after a restart either", async () => {
  const spec = host.spec(host.image("Plain", "echo hello"), "web");
  await host.run(spec);
  await host.forget(spec.jobId);
  expect(await codeOf(host.start(spec))).toBe("job_forgotten");
  await host.restart();
  expect(await codeOf(host.start(spec))).toBe("job_forgotten");
  expect(host.runs(spec.jobId)).toBe(1);
});

test("a job whose forgetting was cut off in the middle is forgotten all the same", async () => {
  const spec = host.spec(host.image("Plain", "echo hello"), "web");
  await host.run(spec);
  await host.down();
  // Its id is kept first, then the folder goes: a crash may leave any part of it.
  writeFileSync(join(host.path, "state", "forgotten"), `${spec.jobId}\n`);
  for (const name of ["launched", "runner", "exit", "events"]) rmSync(join(host.journal(spec.jobId), name));
  const other = `${host.journal(spec.jobId)}x`;
  mkdirSync(other);
  renameSync(other, `${host.journal(spec.jobId)}.forgotten`);
  await host.up();
  expect((await host.listJobs()).jobs).toEqual([]);
  expect(existsSync(host.journal(spec.jobId))).toBe(false);
  expect(host.runs(spec.jobId)).toBe(1);
});

test("a job that runs is not forgotten", async () => {
  const spec = host.spec(host.image("Gated", gated), "web");
  await host.start(spec);
  expect(await codeOf(host.forget(spec.jobId))).toBe("bad_request");
  openGate();
  await host.ended(spec.jobId);
});

test("xl create is called once, also when the agent goes before it has seen the domain", async () => {
  host.xen.misbehave({ create: { delayMs: 700 } });
  const spec = host.spec(host.image("Plain", "echo hello"), "web", { start: true });
  await host.start(spec);
  await host.appears(`state/jobs/${spec.jobId}/creating`);
  await until(() => (creates() > 1 ? true : undefined));
  const before = creates();
  await host.restart();
  const { ended } = await host.ended(spec.jobId);
  expect(ended).toMatchObject({ outcome: Outcome.SUCCEEDED });
  expect(ended.domainId).toBeGreaterThan(0);
  // One call of `create -n` in the proof, and one that creates; the proof is made again after the restart.
  expect(creates()).toBe(before + 1);
  expect((await host.xl.list(new AbortController().signal)).filter((one) => one.name === "web")).toHaveLength(1);
});

test("a job whose domain was to be created when the agent went, and is not there, fails and says that it is not created again", async () => {
  const spec = host.spec(host.image("Plain", "echo hello"), "web", { start: true });
  host.xen.misbehave({ create: { exitCode: 3, stderr: "libxl: error: no" } });
  await host.run(host.spec("Plain", "other", { start: true }));
  host.xen.misbehave({});
  await host.start(spec);
  const { ended } = await host.ended(spec.jobId);
  expect(ended.outcome).toBe(Outcome.SUCCEEDED);
  await host.xl.destroy(ended.domainId, new AbortController().signal);
  await host.down();
  // As if the agent had gone in the phase start.
  rmSync(join(host.journal(spec.jobId), "events"));
  await host.up();
  const again = await host.ended(spec.jobId);
  expect(again.ended).toMatchObject({ outcome: Outcome.FAILED, code: "toolstack_failed" });
  expect(again.ended.message).toContain("it is not called again");
}, 60_000);

test("of two jobs for one name that are asked for at once the second is refused", async () => {
  const first = host.spec(host.image("Gated", gated), "web");
  const second = host.spec("Gated", "web");
  await host.start(first);
  await host.start(second);
  expect((await host.ended(second.jobId)).ended).toMatchObject({ code: "check_failed" });
  expect(host.runs(second.jobId)).toBe(0);
  openGate();
  expect((await host.ended(first.jobId)).ended.outcome).toBe(Outcome.SUCCEEDED);
});

test("a job that waits for its turn has never started when it is cancelled", async () => {
  const waiting = host.spec(host.image("Gated", gated), "web3");
  for (const name of ["web1", "web2"]) await host.start(host.spec("Gated", name));
  await until(() => (existsSync(join(host.path, "begun")) ? true : undefined));
  await host.start(waiting);
  expect((await host.cancel(waiting.jobId)).outcome).toBe(CancelOutcome.NEVER_STARTED);
  expect((await host.ended(waiting.jobId)).ended).toMatchObject({ outcome: Outcome.CANCELLED, leftovers: [] });
  openGate();
  expect(host.runs(waiting.jobId)).toBe(0);
});

test("what is sent of a job is on the disk: the journal that a power cut leaves holds it", async () => {
  const spec = host.spec(host.image("Plain", "echo hello"), "web");
  const { events } = await host.run(spec);
  expect(events.map((event) => Number(event.sequence))).toEqual(events.map((_, index) => index + 1));
  const note = JSON.parse(readFileSync(join(host.journal(spec.jobId), "launched"), "utf8")) as Record<string, unknown>;
  expect(note).toMatchObject({ bootId: readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim(), logMib: 1 });
});

test("a host that keeps as many jobs as it may takes no other, and knows those that it has", async () => {
  const spec = host.spec(host.image("Plain", "echo hello"), "web");
  await host.run(spec);
  await host.down();
  // As many as an agent keeps, each with its own id: copies of one that ended.
  const stored = readFileSync(join(host.journal(spec.jobId), "spec"), "latin1");
  for (let number = 1; number < 1000; number += 1) {
    const id = spec.jobId.replace(/.{12}$/, String(number).padStart(12, "0"));
    cpSync(host.journal(spec.jobId), host.journal(id), { recursive: true });
    writeFileSync(join(host.journal(id), "spec"), stored.replace(spec.jobId, id), "latin1");
  }
  await host.up();
  expect((await host.listJobs()).jobs).toHaveLength(1000);
  const one = host.spec("Plain", "other");
  expect(await codeOf(host.start(one))).toBe("too_many_jobs");
  expect((await host.start(spec)).known).toBe(true);
  await host.forget(spec.jobId);
  expect((await host.start(one)).known).toBe(false);
}, 180_000);
