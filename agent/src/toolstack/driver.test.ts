import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { plainEnvironment } from "../process/run.js";
import { fakeXen, temporaryFolder, until, writeProgram } from "../testing.js";
import { chooseToolstack, Driver, type DriverOptions } from "./driver.js";
import { ToolstackError } from "./toolstack.js";

let folder: ReturnType<typeof temporaryFolder>;
beforeEach(() => {
  folder = temporaryFolder();
});
afterEach(() => folder.remove());

const never = new AbortController().signal;

function driver(options: Partial<DriverOptions> = {}): {
  driver: Driver;
  misbehave: (how: Record<string, object>) => void;
} {
  const xen = fakeXen(folder.path);
  const all = {
    program: xen.xl,
    name: "xl",
    environment: plainEnvironment,
    creates: 1,
    scopes: false,
    ...options,
  } as const;
  return { driver: new Driver(all), misbehave: xen.misbehave };
}

function config(name: string): string {
  const path = join(folder.path, name);
  writeFileSync(path, `name = "${name}"\nuuid = "087cae58-ef28-4c2e-9cd7-4acab221a082"\nmemory = 64\n`);
  return path;
}

test("a domain is created, listed with its uuid, paused, unpaused, and destroyed", async () => {
  const { driver: xl } = driver();
  await xl.dryRun(config("web"), never);
  expect(await xl.list(never)).toHaveLength(1);
  await xl.create(config("web"), never);
  const found = (await xl.list(never))[1];
  expect(found).toMatchObject({ name: "web", uuid: "087cae58-ef28-4c2e-9cd7-4acab221a082", memoryMib: 64 });
  await xl.pause(found?.id ?? 0, never);
  expect((await xl.list(never))[1]?.state).toBe("paused");
  await xl.unpause(found?.id ?? 0, never);
  expect((await xl.list(never))[1]?.state).toBe("running");
  await xl.reboot(found?.id ?? 0, never);
  const again = await until(async () =>
    (await xl.list(never)).find((one) => one.name === "web" && one.id !== found?.id),
  );
  await xl.shutdown(again.id, never);
  await until(async () => (await xl.list(never)).length === 1 || undefined);
});

test("info() gives the host's facts", async () => {
  expect(await driver().driver.info(never)).toMatchObject({ toolstack: "xl", xenVersion: "4.17.7", machine: "x86_64" });
});

test("a refusal of the toolstack is an error with its command, its exit code and its last words", async () => {
  const { driver: xl } = driver();
  const missing = xl.create("/nowhere/web", never);
  await expect(missing).rejects.toThrow("`xl create /nowhere/web` ended with 3:\nFailed to read config file");
  await expect(missing).rejects.toBeInstanceOf(ToolstackError);
});

test("no act names dom0, and no path is taken that could be an option", async () => {
  const { driver: xl } = driver();
  for (const act of [xl.shutdown, xl.destroy, xl.pause, xl.unpause, xl.reboot])
    for (const id of [0, -1, 1.5, Number.NaN])
      await expect(act.call(xl, id, never)).rejects.toThrow("not the id of a guest");
  await expect(xl.create("-c", never)).rejects.toThrow("not an absolute path");
  await expect(xl.dryRun("pci=['00:1f.0']", never)).rejects.toThrow("not an absolute path");
});

test("a toolstack that hangs is left when the caller goes", async () => {
  const { driver: xl, misbehave } = driver();
  misbehave({ list: { hang: true } });
  const controller = new AbortController();
  const listing = xl.list(controller.signal);
  controller.abort();
  await expect(listing).rejects.toThrow("ended by SIGTERM");
});

test("no more creates run at once than the settings allow", async () => {
  const marks = join(folder.path, "marks");
  const program = writeProgram(folder.path, "slow", `echo begin >> '${marks}'; sleep 0.05; echo end >> '${marks}'`);
  const { driver: xl } = driver({ program, creates: 1 });
  await Promise.all([1, 2, 3].map(() => xl.create("/x", never)));
  expect(readFileSync(marks, "utf8")).toBe("begin\nend\n".repeat(3));
});

test("a domain is started in a scope of its own where systemd runs", async () => {
  const words = join(folder.path, "words");
  writeProgram(folder.path, "systemd-run", `echo "$@" > '${words}'`);
  const environment = { ...plainEnvironment, PATH: `${join(folder.path, "bin")}:${plainEnvironment["PATH"]}` };
  const { driver: xl } = driver({ program: "/opt/xl", environment, scopes: true });
  await xl.create("/etc/xen/web", never);
  expect(readFileSync(words, "utf8")).toBe(
    "--scope --quiet --collect --slice=convirt-domains.slice /opt/xl create /etc/xen/web\n",
  );
});

test("xm is asked in its own words", async () => {
  const words = join(folder.path, "words");
  const program = writeProgram(folder.path, "xm", `echo "$@" >> '${words}'`);
  const { driver: xm } = driver({ program, name: "xm" });
  await xm.list(never);
  await xm.dryRun("/etc/xen/web", never);
  expect(readFileSync(words, "utf8")).toBe("list\ncreate --dryrun /etc/xen/web\n");
});

test("chooseToolstack() takes xl before xm, what is named before both, and says when there is none", () => {
  const bin = join(folder.path, "bin");
  expect(chooseToolstack("auto", bin)).toBeUndefined();
  const xm = writeProgram(folder.path, "xm", "");
  expect(chooseToolstack("auto", bin)).toEqual({ program: xm, name: "xm" });
  const xl = writeProgram(folder.path, "xl", "");
  expect(existsSync(xl)).toBe(true);
  expect(chooseToolstack("auto", `/nowhere:${bin}`)).toEqual({ program: xl, name: "xl" });
  expect(chooseToolstack("xm", bin)).toEqual({ program: xm, name: "xm" });
  expect(chooseToolstack("/opt/xen/xm", bin)).toEqual({ program: "/opt/xen/xm", name: "xm" });
  expect(chooseToolstack("/opt/xen/wrapper", bin)).toEqual({ program: "/opt/xen/wrapper", name: "xl" });
});
