// The program as it is installed: one file with nothing beside it, run by Node.
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { saveIdentity } from "./identity/identity.js";
import { fakeXen, TestAuthority, until } from "./testing.js";
import { version } from "./version.js";

const folder = mkdtempSync(join(tmpdir(), "convirt-agent-main-"));
const program = join(folder, "convirt-agent.mjs");
const configFile = join(folder, "agent.toml");
let xen: ReturnType<typeof fakeXen>;

beforeAll(() => {
  copyFileSync(fileURLToPath(new URL("../dist/convirt-agent.mjs", import.meta.url)), program);
  xen = fakeXen(folder);
  const places = ["store", "logs", "state"].map((one) => `${one} = "${join(folder, one)}"`);
  const lines = ['listen = "127.0.0.1:0"', `toolstack = "${xen.xl}"`, 'scopes = "never"', ...places, ""];
  writeFileSync(configFile, lines.join("\n"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Outcome {
  code: number | null;
  out: string;
  err: string;
}

/** Runs the program with nothing of our environment but what is given. */
function start(words: string[], input = "", env: Record<string, string> = {}) {
  const child = spawn(process.execPath, [program, ...words], { env: { PATH: "/usr/bin:/bin", ...env } });
  const said = { out: "", err: "" };
  child.stdout.on("data", (chunk: Buffer) => (said.out += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (said.err += chunk.toString()));
  child.stdin.end(input);
  const ended = new Promise<Outcome>((resolve) => child.once("close", (code) => resolve({ code, ...said })));
  return { child, said, ended };
}

const agent = (words: string[], input?: string, env?: Record<string, string>) => start(words, input, env).ended;

test("--version says the release", async () => {
  expect(await agent(["--version"])).toMatchObject({ code: 0, out: `${version}\n` });
});

test("--print-config shows the settings in force", async () => {
  const { code, out } = await agent(["--config", configFile, "--print-config"], "", {
    CONVIRT_AGENT_LOG_LEVEL: "warn",
  });
  expect(code).toBe(0);
  expect(JSON.parse(out)).toMatchObject({ listen: "127.0.0.1:0", logLevel: "warn", storeDir: join(folder, "store") });
});

test("settings that cannot be end the program with 2 and a sentence", async () => {
  const { code, err } = await agent(["run"], "", { CONVIRT_AGENT_CONFIG: configFile, CONVIRT_AGENT_LISTEN: "nowhere" });
  expect(code).toBe(2);
  expect(err).toContain("listen: must be HOST:PORT");
  expect(err).not.toContain("    at ");
});

test("config-to-shell prints every byte of every value, and runs nothing", async () => {
  const file = join(folder, "image.conf");
  const mark = join(folder, "mark");
  writeFileSync(file, `a = "it's $(touch ${mark}) \`x\`"\nb = 1 + 2\nc = ['x', 1]\nPATH = '/evil'\n`);
  expect(await agent(["config-to-shell", file])).toEqual({
    code: 0,
    out: `a='it'\\''s $(touch ${mark}) \`x\`'\nb='3'\nc='['\\''x'\\'', 1]'\n`,
    err: "",
  });
  expect(() => readFileSync(mark)).toThrow("ENOENT");
});

test("what config-to-shell prints gives bash the very bytes of hostile values, and runs nothing", async () => {
  const mark = join(folder, "ran");
  const values = [
    "it's",
    "'; touch RAN; '",
    "$(touch RAN)`touch RAN`${IFS}$((1+1))",
    'a"b\\c\\',
    "line\nline\n\n",
    "\r\t\u001b[31m\u0007",
    "-n",
    "~ * ? [a] {a,b} !! # & | > RAN",
    "",
    " blanks  around ",
    "\u00e4\u20ac\ud83d\ude00",
    "'''\\''\\'''",
  ].map((value) => value.replaceAll("RAN", mark));
  const file = join(folder, "hostile.conf");
  writeFileSync(file, values.map((value, index) => `v${index} = ${literal(value)}\n`).join(""));
  const { out, code } = await agent(["config-to-shell", file]);
  expect(code).toBe(0);
  writeFileSync(join(folder, "hostile.sh"), out);
  const names = values.map((_, index) => `"$v${index}"`).join(" ");
  for (const shell of ["bash", "sh"]) {
    const words = ["-euc", `. "$1"; printf '%s\\0' ${names}`, shell, join(folder, "hostile.sh")];
    const bytes = execFileSync(shell, words);
    expect(bytes.toString("utf8").split("\0").slice(0, -1), shell).toEqual(values);
  }
  expect(existsSync(mark)).toBe(false);
});

/** As Python reads it. */
function literal(text: string): string {
  return `'${text.replace(/[\\'\n\r]/g, (one) => ({ "\\": "\\\\", "'": "\\'", "\n": "\\n", "\r": "\\r" })[one] ?? one)}'`;
}

test("--help says what there is, with exit codes; what there is not is named", async () => {
  const { out } = await agent(["--help"]);
  for (const word of ["run", "enrol", "check", "config-to-shell", "CONVIRT_AGENT_LISTEN", "with 2 when"])
    expect(out).toContain(word);
  expect(await agent(["bogus"])).toEqual({
    code: 1,
    out: "",
    err: 'error: there is no command "bogus"; see convirt-agent --help\n',
  });
});

test("config-to-shell has the regular expressions of a file within itself", async () => {
  const file = join(folder, "patterns.conf");
  writeFileSync(file, "import re\nname = re.sub('[0-9]+', 'N', 'web12-3')\n");
  expect(await agent(["config-to-shell", file])).toEqual({ code: 0, out: "name='webN-N'\n", err: "" });
});

test("config-to-shell tells where a file is wrong, and prints nothing of it", async () => {
  const file = join(folder, "bad.conf");
  writeFileSync(file, "a = 1\nimport subprocess\n");
  const { code, out, err } = await agent(["config-to-shell", file]);
  expect({ code, out }).toEqual({ code: 1, out: "" });
  expect(err).toMatch(/bad\.conf:2:\d+: /);
  expect(await agent(["config-to-shell", join(folder, "missing")])).toMatchObject({
    code: 1,
    err: expect.stringMatching(/^ENOENT[^\n]*missing'\n$/),
  });
});

test("check says what is missing, for people and for programs", async () => {
  const { out } = await agent(["--config", configFile, "check", "--json"]);
  const answer = JSON.parse(out) as { ok: boolean; findings: { severity: string; what: string; advice: string }[] };
  expect(answer.findings.map((one) => one.what)).toContain("This host is not enrolled yet");
  const none = await agent(["--config", configFile, "check"], "", { CONVIRT_AGENT_TOOLSTACK: join(folder, "none") });
  expect(none.code).toBe(1);
  expect(none.out).toContain("error: ");
  expect(none.out).toContain("The host cannot be used yet.");
});

test("enrol reads the invitation from standard input or a file, never from its arguments", async () => {
  for (const words of [["enrol"], ["enrol", "--file", "/dev/null"]]) {
    const { code, err } = await agent(["--config", configFile, ...words], "convirt1.nonsense");
    expect({ code, err }).toMatchObject({ code: 1, err: expect.stringContaining("Cannot read the invitation") });
  }
  expect(await agent(["--config", configFile, "enrol", "convirt1.secret"])).toMatchObject({
    code: 1,
    err: expect.stringContaining("too many arguments"),
  });
});

test("enrol waits for an invitation that comes late", async () => {
  const child = spawn(process.execPath, [program, "--config", configFile, "enrol"], { env: { PATH: "/usr/bin:/bin" } });
  let said = "";
  child.stderr.on("data", (chunk: Buffer) => (said += chunk.toString()));
  child.stdin.on("error", () => undefined);
  const closed = once(child, "close");
  // It has taken hold of its standard input, in which there is nothing yet, when that no longer blocks.
  const holds = () => /^flags:\s+0\d*4\d{3}$/m.test(readFileSync(`/proc/${child.pid}/fdinfo/0`, "utf8"));
  await until(() => child.exitCode !== null || holds() || undefined);
  child.stdin.end("convirt1.nonsense");
  await closed;
  expect(said).toContain("Cannot read the invitation");
});

test("run says on standard error that it is ready and on which port, and ends in order at SIGTERM", async () => {
  const identity = await (await TestAuthority.create()).hostIdentity("xen1");
  saveIdentity(join(folder, "state"), identity);
  const running = start(["--config", configFile, "run"]);
  const line = await until(() => running.said.err.split("\n").find((one) => one.includes('"ready"')));
  expect(JSON.parse(line)).toMatchObject({ message: "ready", host: "xen1", hostId: identity.hostId, version });
  expect((JSON.parse(line) as { port: number }).port).toBeGreaterThan(0);
  running.child.kill("SIGTERM");
  expect(await running.ended).toMatchObject({ code: 0, out: "" });
});

test("a second agent on one state folder refuses to start and says who has it; one that was killed does not block the next", async () => {
  saveIdentity(join(folder, "state"), await (await TestAuthority.create()).hostIdentity("xen1"));
  const isReady = (one: ReturnType<typeof start>) => until(() => one.said.err.includes('"ready"') || undefined);
  const first = start(["--config", configFile, "run"]);
  await isReady(first);
  const second = await agent(["--config", configFile, "run"]);
  expect(second).toMatchObject({ code: 1, out: "" });
  expect(second.err).toMatch(
    new RegExp(
      `^Cannot use ${join(folder, "state")}: another agent \\(process ${first.child.pid}\\) works on it\\. [^\\n]*\\n$`,
    ),
  );
  first.child.kill("SIGKILL");
  await first.ended;
  const third = start(["--config", configFile, "run"]);
  await isReady(third);
  third.child.kill("SIGTERM");
  expect(await third.ended).toMatchObject({ code: 0 });
});

test("an agent that cannot serve where it should says so, without a stack", async () => {
  saveIdentity(join(folder, "state"), await (await TestAuthority.create()).hostIdentity("xen1"));
  const env = { CONVIRT_AGENT_LISTEN: "192.0.2.1:8445" };
  const { code, err } = await agent(["--config", configFile, "run"], "", env);
  expect(code).toBe(1);
  expect(err).toMatch(/^Cannot serve on 192\.0\.2\.1:8445: [^\n]*\n$/m);
  expect(err).not.toContain("    at ");
  const none = { CONVIRT_AGENT_TOOLSTACK: "xm" };
  expect(await agent(["--config", configFile, "run"], "", none)).toMatchObject({
    code: 1,
    err: "There is neither xl nor xm on this host; see `convirt-agent check`\n",
  });
});
