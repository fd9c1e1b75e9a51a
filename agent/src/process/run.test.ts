import { expect, test } from "vitest";
import { run } from "./run.js";

const never = new AbortController().signal;
const within = { signal: never, timeoutMs: 20_000 };

test("run() gives exit code, output and the end of what was said on standard error", async () => {
  const report = await run(["sh", "-c", "echo out; echo err >&2; exit 7"], within);
  expect(report).toMatchObject({ exitCode: 7, stdout: "out\n", stderrTail: "err\n", timedOut: false });
});

test("run() passes every argument as it is, through no shell", async () => {
  const nasty = "$(id) `id` ; ' \" \\ * \n";
  expect((await run(["printf", "%s", nasty], within)).stdout).toBe(nasty);
});

test("run() inherits nothing of the agent's environment", async () => {
  process.env["CONVIRT_TEST_SECRET"] = "leaked";
  try {
    expect((await run(["env"], within)).stdout).not.toContain("leaked");
    expect((await run(["env"], { ...within, env: { A: "1" } })).stdout).toContain("A=1");
  } finally {
    delete process.env["CONVIRT_TEST_SECRET"];
  }
});

test("run() writes the input, and a program that does not read it is no fault", async () => {
  expect((await run(["cat"], { ...within, input: "hello" })).stdout).toBe("hello");
  expect((await run(["true"], { ...within, input: "x".repeat(1_000_000) })).exitCode).toBe(0);
});

test("run() says that a program is not there", async () => {
  expect(await run(["/nowhere/xl"], within)).toMatchObject({
    exitCode: null,
    stderrTail: expect.stringContaining("ENOENT"),
  });
});

test("run() ends a program that takes too long", async () => {
  expect(await run(["sleep", "60"], { signal: never, timeoutMs: 20 })).toMatchObject({
    exitCode: null,
    timedOut: true,
    stderrTail: "ended by SIGTERM",
  });
});

test("run() kills a program that does not heed TERM", async () => {
  const report = await run(["sh", "-c", 'trap "" TERM; while :; do sleep 0.05; done'], {
    signal: never,
    timeoutMs: 200,
  });
  expect(report).toMatchObject({ exitCode: null, timedOut: true, stderrTail: "ended by SIGKILL" });
});

test("run() ends a program when its caller goes, and starts none for one who went before", async () => {
  const controller = new AbortController();
  const running = run(["sleep", "60"], { signal: controller.signal, timeoutMs: 20_000 });
  controller.abort();
  expect(await running).toMatchObject({ exitCode: null, timedOut: false, stderrTail: "ended by SIGTERM" });
  expect((await run(["true"], { signal: controller.signal, timeoutMs: 1 })).stderrTail).toBe("not started: cancelled");
});

test("run() keeps no more than it was told to, and of standard error the end", async () => {
  const report = await run(["sh", "-c", "yes out | head -n 100000; yes err | head -n 100000 >&2; echo last >&2"], {
    ...within,
    maxOutputBytes: 1000,
  });
  expect(report.stdout).toHaveLength(1000);
  expect(report.stderrTail).toHaveLength(4096);
  expect(report.stderrTail.endsWith("last\n")).toBe(true);
});

test("run() does not wait for a grandchild that keeps the pipes", async () => {
  const report = await run(["sh", "-c", "echo done; sleep 5 &"], within);
  expect(report).toMatchObject({ exitCode: 0, stdout: "done\n" });
});
