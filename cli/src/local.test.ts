import { spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));
const cases = here("../../image-format/format-cases");
const store = here("../../image_store");
let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "convirt-cli-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function convirt(words: string[], input?: string) {
  return spawnSync(process.execPath, [here("../bin/convirt.js"), ...words], {
    encoding: "utf8",
    input,
    env: { PATH: process.env["PATH"], HOME: folder },
  });
}

/** Generated addresses are another at each use. */
function withoutMacs(text: string): unknown {
  return JSON.parse(text.replace(/00:16:3e:[0-7][0-9a-f](:[0-9a-f]{2}){2}/g, "<MAC>"));
}

describe("convirt image render --json gives what the format's cases expect", () => {
  const names = readdirSync(cases, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name);
  test.each(names)("for %s", (name) => {
    const expected = JSON.parse(readFileSync(join(cases, name, "expected.json"), "utf8")) as Record<string, unknown>;
    const done = convirt(["image", "render", join(cases, name), "--vm", "Joe_Desktop", "--json"]);
    const answer = withoutMacs(done.stdout) as Record<string, unknown>;
    if ("rejected" in expected) {
      expect(done.status).toBe(1);
      expect(Object.keys(answer)).toEqual(["diagnostics"]);
      expect(answer["diagnostics"]).toEqual([
        expect.objectContaining({ file: expected["rejected"], severity: "error", line: expect.any(Number) }),
      ]);
      return;
    }
    expect(done.status).toBe(0);
    expect(answer["image_conf"]).toEqual(expected["image_conf"]);
    expect(answer["vm_conf"]).toEqual(expected["vm_conf"]);
    expect(answer["vm_config"]).toMatch(/^name = "Joe_Desktop"\n/);
  });
});

describe("convirt image lint", () => {
  test.each([
    "Tiny_Linux",
    "Linux_Disk_Image",
    "Fedora_Core_Install",
    "Linux_CD_Install",
    "Windows_CD_Install",
    "example",
  ])("accepts %s of the shipped store without a finding", (name) => {
    const done = convirt(["image", "lint", join(store, name), "--json"]);
    expect(JSON.parse(done.stdout)).toEqual({ image: name, accepted: true, diagnostics: [] });
    expect(done.status).toBe(0);
  });

  test("rejects an image with an error, at its line, and exits with 1", () => {
    const image = join(folder, "Broken");
    cpSync(join(store, "Tiny_Linux"), image, { recursive: true });
    writeFileSync(join(image, "image.conf"), "a = 1\nb = lambda: 0\n");
    const done = convirt(["image", "lint", image, "--json"]);
    const answer = JSON.parse(done.stdout) as {
      accepted: boolean;
      diagnostics: { file: string; line: number; code: string }[];
    };
    expect(done.status).toBe(1);
    expect(answer.accepted).toBe(false);
    expect(answer.diagnostics).toContainEqual(
      expect.objectContaining({ file: "image.conf", line: 2, code: "refused_construct" }),
    );
  });

  test("says in a sentence that a folder is not there, and exits with 1", () => {
    const done = convirt(["image", "lint", join(folder, "absent")]);
    expect(done.status).toBe(1);
    expect(done.stderr).toMatch(/no such file or directory/i);
    expect(done.stderr).not.toMatch(/at .*\.js/);
  });
});

describe("convirt image render", () => {
  test("sets options by --set-image and --set-vm, each read by the option's own type", () => {
    const words = [
      "image",
      "render",
      join(store, "Tiny_Linux"),
      "--vm",
      "v",
      "--json",
      "--set-image",
      "xvda_disk_size=99",
      "--set-vm",
      "memory=128",
    ];
    const answer = JSON.parse(convirt(words).stdout) as {
      image_conf: { raw: Record<string, unknown> };
      vm_config: string;
    };
    expect(answer.image_conf.raw["xvda_disk_size"]).toBe(99);
    expect(answer.vm_config).toContain("memory = 128\n");
  });

  test("renders for xm with xm's words", () => {
    const done = convirt(["image", "render", join(store, "Linux_CD_Install"), "--vm", "v", "--toolstack", "xm"]);
    expect(done.stdout).toContain("builder = 'hvm'\n");
    expect(done.stdout).toContain("file:/var/cache/convirt/vm_disks/v.disk.xm,xvda,w");
  });
});

describe("convirt image render refuses, with exit 1", () => {
  const copy = (name: string) => {
    const image = join(folder, name);
    cpSync(join(store, "Tiny_Linux"), image, { recursive: true });
    return image;
  };
  const render = (image: string, vm: string) => {
    const done = convirt(["image", "render", image, "--vm", vm, "--json"]);
    expect(done.status).toBe(1);
    expect(done.stderr).toBe("");
    return JSON.parse(done.stdout) as { diagnostics: { file: string; code: string }[]; refusals?: object[] };
  };

  test("an image without one of its files, by name", () => {
    const image = copy("Half");
    rmSync(join(image, "image.conf"));
    expect(render(image, "v")).toEqual({
      diagnostics: [expect.objectContaining({ file: "image.conf", line: 1, code: "missing_file" })],
    });
  });

  test("files that are too long, or hold a NUL, for what they are", () => {
    const image = copy("Odd");
    writeFileSync(join(image, "image.conf"), "#".repeat(5 * 1024 * 1024));
    expect(render(image, "v").diagnostics[0]).toMatchObject({ file: "image.conf", code: "limit_exceeded" });
    writeFileSync(join(image, "image.conf"), "a='\0'\n");
    expect(render(image, "v").diagnostics[0]).toMatchObject({ file: "image.conf", line: 1, column: 4, code: "syntax" });
  });

  test("a name that no VM can have", () => {
    for (const name of ["1", "a,script=/x", "$(id)", "a".repeat(64)])
      expect(render(join(store, "Tiny_Linux"), name)).toMatchObject({
        diagnostics: [],
        refusals: [{ name: "--vm", code: "bad_value" }],
      });
  });
});

describe("convirt xl", () => {
  test("check --json gives xl's verdict on a configuration from standard input", () => {
    const good = convirt(["xl", "check", "-", "--json"], 'name = "a"\ndisk = ["file:/a,xvda,w"]\n');
    expect(JSON.parse(good.stdout)).toEqual({
      accepted: true,
      options: { name: "a", "disk[0]": "file:/a,xvda,w" },
      diagnostics: [],
    });
    const bad = convirt(["xl", "check", "-", "--json"], "Name = 1\n");
    expect(bad.status).toBe(1);
    expect(JSON.parse(bad.stdout)).toMatchObject({ accepted: false, options: null });
  });

  test("disk --json gives the parts of an entry", () => {
    const done = convirt(["xl", "disk", "phy:/a,script=/x,hda,w", "--json"]);
    expect(JSON.parse(done.stdout)).toEqual({
      accepted: true,
      disk: { target: "/a", vdev: "hda", script: "/x", backend: null, readwrite: true, cdrom: false, format: "raw" },
      diagnostics: [],
    });
  });
});

describe("convirt", () => {
  test("ends with 2 for words that it does not know, and 4 for a controller that is not there", () => {
    expect(convirt(["frobnicate"]).status).toBe(2);
    const away = convirt(["--server", "http://127.0.0.1:1", "vm", "list"]);
    expect(away.status).toBe(4);
    expect(away.stderr).toMatch(/^Cannot reach the controller at http:\/\/127\.0\.0\.1:1/);
  });

  test("completes commands in bash", () => {
    const script = convirt(["completion", "bash"]).stdout;
    const line = `${script}\nCOMP_WORDS=(convirt image li); COMP_CWORD=2; _convirt; printf '%s\\n' "\${COMPREPLY[@]}"`;
    expect(spawnSync("bash", ["-c", line], { encoding: "utf8" }).stdout.trim().split("\n").sort()).toEqual([
      "lint",
      "list",
    ]);
  });
});

describe("convirt xl check, of a file that is not UTF-8,", () => {
  const check = (bytes: Buffer) => {
    const file = join(folder, "latin.cfg");
    writeFileSync(file, bytes);
    return convirt(["xl", "check", file, "--json"]);
  };

  test.each([
    ["in a value", 'name = "caf\u00e9"\n', true, 1, 12, "0xe9"],
    ["in a comment", '# \u00fc\nname = "a"\n', true, 1, 3, "0xfc"],
    ["behind other lines", 'name = "a"\n\n  memory = "\u00e4"\n', true, 3, 13, "0xe4"],
    ["where no byte of it may stand", "name = \u00e9\n", false, 1, 8, "0xe9"],
  ])("%s: gives xl's verdict and names the place of the first byte", (_where, text, accepted, line, column, byte) => {
    const { stdout, status } = check(Buffer.from(text, "latin1"));
    const verdict = JSON.parse(stdout) as { accepted: boolean; diagnostics: { code: string }[] };
    expect([verdict.accepted, status]).toEqual([accepted, accepted ? 0 : 1]);
    expect(verdict.diagnostics.find(({ code }) => code === "not_utf8")).toMatchObject({
      ...{ line, column, severity: "warning" },
      message: expect.stringContaining(`The byte ${byte} is not UTF-8: xl takes it as it is`),
    });
  });

  test("or that is, and holds the sign that stands for what is not, is told from it", () => {
    expect(JSON.parse(check(Buffer.from('name = "\ufffd"\n')).stdout)).toMatchObject({ diagnostics: [] });
    const mixed = Buffer.concat([Buffer.from('name = "\ufffd'), Buffer.from([0xff]), Buffer.from('"\n')]);
    const { diagnostics } = JSON.parse(check(mixed).stdout) as { diagnostics: object[] };
    expect(diagnostics).toMatchObject([{ line: 1, column: 10, message: expect.stringContaining("0xff") }]);
  });
});
