// How a script's runner is started: in a scope of its own where systemd makes one, and without where it does not. The stand-in for systemd-run notes its words and,
// as the real one does with --scope, becomes the program that it is given.
import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { plainEnvironment } from "../process/run.js";
import { temporaryFolder } from "../testing.js";
import { installRunner, type Launch, launch, whenEnded } from "./runner.js";

const patient = new AbortController().signal;
let folder: ReturnType<typeof temporaryFolder>;
beforeEach(() => {
  folder = temporaryFolder();
});
afterEach(() => folder.remove());

function request(): Launch {
  const { path } = folder;
  for (const name of ["job", "bin"]) mkdirSync(join(path, name), { recursive: true });
  writeFileSync(join(path, "job", "mark"), "cut");
  writeFileSync(join(path, "log"), "");
  return {
    folder: join(path, "job"),
    command: ["/bin/sh", "-c", "echo ran; exit 7"],
    cwd: path,
    environment: { ...plainEnvironment, PATH: `${join(path, "bin")}:${plainEnvironment["PATH"] ?? ""}` },
    logPath: join(path, "log"),
    logMib: 1,
    useScopes: true,
  };
}

function systemdRun(script: string): void {
  mkdirSync(join(folder.path, "bin"), { recursive: true });
  writeFileSync(join(folder.path, "bin", "systemd-run"), `#!/bin/bash\n${script}\n`, { mode: 0o755 });
}

const log = () => readFileSync(join(folder.path, "log"), "utf8");

test("where systemd makes scopes the runner gets one of its own, in the slice of runners", async () => {
  systemdRun(`printf '%s\\n' "$@" >"${folder.path}/words"\nwhile [[ $1 == --* ]]; do shift; done\nexec "$@"`);
  const asked = request();
  expect(await launch(installRunner(folder.path), asked, patient)).toBe(true);
  expect(await whenEnded(asked.folder, patient)).toBe(7);
  expect(log()).toBe("ran\n");
  const words = readFileSync(join(folder.path, "words"), "utf8").split("\n");
  expect(words).toEqual(expect.arrayContaining(["--scope", "--collect", "--slice=convirt-runners.slice"]));
  expect(words[words.indexOf("/bin/bash") + 1]).toBe(join(folder.path, "runner.sh"));
});

test("where systemd-run fails the script runs once without a scope", async () => {
  systemdRun('echo "Failed to connect to bus" >&2; exit 1');
  const asked = request();
  expect(await launch(installRunner(folder.path), asked, patient)).toBe(true);
  expect(await whenEnded(asked.folder, patient)).toBe(7);
  expect(log()).toBe("ran\n");
});

test("where there is no systemd-run the script runs once without a scope", async () => {
  const bin = join(folder.path, "bin");
  const asked = { ...request(), environment: { ...plainEnvironment, PATH: bin } };
  const places = (plainEnvironment["PATH"] ?? "").split(":");
  for (const name of ["flock", "setsid", "stat", "mv"]) {
    const place = places.find((each) => existsSync(join(each, name))) ?? "";
    symlinkSync(join(place, name), join(bin, name));
  }
  expect(await launch(installRunner(folder.path), asked, patient)).toBe(true);
  expect(await whenEnded(asked.folder, patient)).toBe(7);
  expect(log()).toBe("ran\n");
});
