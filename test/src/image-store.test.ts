import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, renameSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { bash as inStore, mib, store, temporaryFolder } from "./store-shell.js";

let folder: string;
let remove: () => void;

beforeEach(() => {
  ({ path: folder, remove } = temporaryFolder());
});
afterEach(() => remove());

const bash = (script: string, environment: Record<string, string> = {}) => inStore(folder, script, environment);

const has = (program: string) => spawnSync("sh", ["-c", `command -v ${program}`]).status === 0;
const sizeOf = (name: string) => statSync(join(folder, name)).size;

describe("log_msg", () => {
  test("appends to the log and echoes, and keeps blanks", () => {
    const done = bash('log_file="$F/l"; log_msg "a   b" c');
    expect(done.stdout).toBe("a   b c\n");
    expect(readFileSync(join(folder, "l"), "utf8")).toBe("a   b c\n");
  });

  test("writes once where standard output is the log itself", () => {
    bash('log_file="$F/l"; { log_msg once; } >>"$F/l"');
    expect(readFileSync(join(folder, "l"), "utf8")).toBe("once\n");
  });

  test("says nothing without a log", () => {
    expect(bash("log_file=; log_msg x").stdout).toBe("");
  });
});

describe("create_disk", () => {
  test.each(["VBD", "file", "tap:aio"])(
    "%s makes a sparse file of exactly that size, in folders that it makes",
    (type) => {
      const done = bash(`create_disk ${type} "$F/a b/d'isk" 3`);
      expect(done.status).toBe(0);
      expect(sizeOf("a b/d'isk")).toBe(3 * mib);
      expect(statSync(join(folder, "a b/d'isk")).blocks).toBe(0);
    },
  );

  test("refuses a disk that is there, and touches it not", () => {
    writeFileSync(join(folder, "d"), "precious");
    const done = bash('create_disk file "$F/d" 1; echo "not reached"');
    expect(done.status).toBe(1);
    expect(done.stdout).not.toContain("not reached");
    expect(done.stderr).toContain("exists already");
    expect(readFileSync(join(folder, "d"), "utf8")).toBe("precious");
  });

  test("replaces it when the request says so", () => {
    writeFileSync(join(folder, "d"), "old");
    expect(bash('create_disk file "$F/d" 1', { CONVIRT_REPLACE_DISKS: "yes" }).status).toBe(0);
    expect(sizeOf("d")).toBe(mib);
  });

  test.each(["", "x", "-1", "1.5", "0", "1;id"])("refuses the size %j", (size) => {
    expect(bash(`create_disk file "$F/d" '${size}'`).status).toBe(1);
    expect(existsSync(join(folder, "d"))).toBe(false);
  });

  test("leaves devices and shared paths alone", () => {
    expect(bash("create_disk phy /dev/vg/x 1").status).toBe(0);
    expect(bash("create_disk file /dev/disk/by-id/x 1").status).toBe(0);
  });

  test.runIf(has("qemu-img")).each([
    ["qcow2", "qcow2"],
    ["tap:vmdk", "vmdk"],
  ])("%s makes a disk of that format", (type, format) => {
    expect(bash(`create_disk ${type} "$F/d" 8`).status).toBe(0);
    const info = JSON.parse(
      spawnSync("qemu-img", ["info", "--output=json", join(folder, "d")], { encoding: "utf8" }).stdout,
    ) as { format: string; "virtual-size": number };
    expect(info).toMatchObject({ format, "virtual-size": 8 * mib });
  });
});

describe("make_fs", () => {
  test.each(["ext2", "ext3", "ext4", "swap"])("makes %s", (kind) => {
    const done = bash(`truncate -s 16M "$F/d"; make_fs "$F/d" ${kind}; echo rc $?; blkid -p -s TYPE -o value "$F/d"`);
    expect(done.stdout).toBe(`rc 0\n${kind}\n`);
  });

  test("returns 1 for a kind that it does not know", () => {
    expect(bash('make_fs "$F/d" ntfs; echo $?').stdout).toBe("1\n");
  });
});

describe("fetch_file", () => {
  test("copies, and does nothing when the target is there", () => {
    writeFileSync(join(folder, "src"), "new");
    expect(bash('fetch_file "$F/src" "$F/dst"').status).toBe(0);
    writeFileSync(join(folder, "dst"), "mine");
    expect(bash('fetch_file "$F/src" "$F/dst"').status).toBe(0);
    expect(readFileSync(join(folder, "dst"), "utf8")).toBe("mine");
  });

  test("leaves nothing at the target when the copy breaks off, so that the next one does not take it for whole", () => {
    const done = bash(
      'mkdir src; echo x >src/a; cp() { command cp "$@"; return 1; }; fetch_file "$F/src/a" "$F/dst"; echo $?; ls "$F"',
    );
    expect(done.stdout).toBe("1\nsrc\n");
  });

  test("fails on an address that does not answer, and leaves nothing", () => {
    expect(bash('fetch_file http://127.0.0.1:1/x "$F/dst"').status).not.toBe(0);
    expect(existsSync(join(folder, "dst"))).toBe(false);
    expect(existsSync(join(folder, "dst.part"))).toBe(false);
  });
});

describe("convert_image writes the whole disk from", () => {
  const content = `${"x".repeat(100_000)}end`;
  test.each([
    ["raw", "cp src s"],
    ["gzip", "gzip -c src >s"],
    ["bzip", "bzip2 -c src >s"],
    ["xz", "xz -c src >s"],
    ["zstd", "zstd -q -c src >s"],
    ["tar", "tar cf s src"],
    ["tar_gzip", "tar czf s src"],
    ["zip", "zip -q s.zip src && mv s.zip s"],
    ["qcow2", "truncate -s 1M src && qemu-img convert -f raw -O qcow2 src s"],
  ])("%s", (format, make) => {
    const programs = make.split(/\W/).filter((word) => ["gzip", "bzip2", "xz", "zstd", "zip"].includes(word));
    if (!programs.every(has) || (format === "qcow2" && !has("qemu-img")))
      throw new Error(`This machine lacks what makes ${format}; see .ci/run`);
    writeFileSync(join(folder, "src"), content);
    const done = bash(`${make} && convert_image ${format} "$F/s" "$F/out" && cmp src out && echo same`);
    expect(done.stdout).toBe("same\n");
  });

  test("a source that breaks off, and says that it did", () => {
    writeFileSync(join(folder, "src"), content);
    expect(bash('gzip -c src | head -c 60 >s; convert_image gzip "$F/s" "$F/out"; echo rc $?').stdout).toBe("rc 1\n");
  });
});

test("list_items reads a list as Python writes it, escapes and quotes too", () => {
  const list = String.raw`['file:/a b,xvda,w', "it's", 'say \'hi\'', 'tab\tnewline\n', '\xc3\xa9', '']`;
  const done = bash('list_items "$L" | tr "\\0" "|"', { L: list });
  expect(done.stdout).toBe("file:/a b,xvda,w|it's|say 'hi'|tab\tnewline\n|é||");
});

describe("provision_disks", () => {
  test("makes the writable disks that are to be made, and no other", () => {
    const list = `['file:${folder}/a.img,xvda,w', 'file:${folder}/b.iso,hdc:cdrom,r', 'tap:aio:${folder}/c.img,xvdb,w', 'file:${folder}/d.img,xvdc,w']`;
    const done = bash(
      "disk=$L; xvda_disk_create=yes; xvda_disk_size=1; xvdb_disk_create=yes; xvdb_disk_size=2; provision_disks",
      { L: list },
    );
    expect(done.status).toBe(0);
    expect([sizeOf("a.img"), sizeOf("c.img")]).toEqual([mib, 2 * mib]);
    expect(existsSync(join(folder, "b.iso")) || existsSync(join(folder, "d.img"))).toBe(false);
  });

  test("copies a reference disk and grows it", () => {
    const done = bash(
      `printf boot >ref; gzip ref; disk="['file:$F/a.img,xvda,w']"; xvda_image_src="$F/ref.gz"; xvda_image_src_type=disk_image; xvda_image_src_format=gzip; xvda_disk_size=2; provision_disks`,
    );
    expect(done.status).toBe(0);
    expect(sizeOf("a.img")).toBe(2 * mib);
    expect(readFileSync(join(folder, "a.img"), "latin1").startsWith("boot\0")).toBe(true);
  });
});

describe("run_custom_scripts", () => {
  const put = (path: string, text: string) => {
    mkdirSync(join(folder, path, ".."), { recursive: true });
    writeFileSync(join(folder, path), text, { mode: 0o755 });
  };

  test("runs the scripts of each folder in the byte order of their names, those of the image before those of the store", () => {
    for (const name of ["10-b", "2-a", "B", "a"])
      put(`image/custom_scripts/one/${name}`, `#!/bin/sh\necho image ${name}\n`);
    put("store/custom_scripts/one/x", "#!/bin/sh\necho never\n");
    put("store/custom_scripts/two/x", "#!/bin/sh\necho store x\n");
    const done = bash(`custom_list="['one', 'two']"; run_custom_scripts "$F/image" "$F/store"`);
    expect(done.stdout.split("\n").filter((line) => /^(image|store|never)/.test(line))).toEqual([
      "image 10-b",
      "image 2-a",
      "image B",
      "image a",
      "store x",
    ]);
  });

  test("ends with the name of the one that fails, and of a folder that is not there", () => {
    put("image/custom_scripts/one/bad", "#!/bin/sh\nexit 4\n");
    const failed = bash(`custom_list="['one']"; run_custom_scripts "$F/image" "$F/store"; echo no`);
    expect(failed.status).toBe(1);
    expect(failed.stderr).toContain("custom_scripts/one/bad ended with 4");
    expect(bash(`custom_list="['../etc']"; run_custom_scripts "$F/image" "$F/store"`).status).toBe(1);
    expect(bash(`custom_list="['none']"; run_custom_scripts "$F/image" "$F/store"`).stderr).toContain('"none"');
  });
});

describe("custom_scripts", () => {
  test("hostname sets the name, again and again, and takes no other text for one", () => {
    mkdirSync(join(folder, "etc"));
    const run = (name: string) =>
      spawnSync(join(store, "custom_scripts/hostname/10-hostname"), {
        encoding: "utf8",
        env: { PATH: process.env["PATH"] ?? "", CONVIRT_ROOT: folder, CONVIRT_OPTION_hostname: name },
      });
    run("first");
    expect(run("web-1.example.com").status).toBe(0);
    expect(readFileSync(join(folder, "etc/hostname"), "utf8")).toBe("web-1.example.com\n");
    expect(readFileSync(join(folder, "etc/hosts"), "utf8")).toBe("127.0.1.1\tweb-1.example.com\n");
    expect(run("a; id").status).toBe(1);
    symlinkSync(join(folder, "outside"), join(folder, "etc/link"));
    renameSync(join(folder, "etc/link"), join(folder, "etc/hostname"));
    expect(run("web").status).toBe(0);
    expect(existsSync(join(folder, "outside"))).toBe(false);
    renameSync(join(folder, "etc"), join(folder, "real"));
    symlinkSync("/tmp", join(folder, "etc"));
    expect(run("web").stderr).toContain("leads out of the system");
  });

  test("root_password changes root's hash alone, and keeps the file's mode", () => {
    mkdirSync(join(folder, "etc"));
    writeFileSync(join(folder, "etc/shadow"), "root:*:19000:0:99999:7:::\nbin:*:19000::::::\n", { mode: 0o640 });
    const env = {
      PATH: process.env["PATH"] ?? "",
      CONVIRT_ROOT: folder,
      CONVIRT_OPTION_root_password_hash: "$6$salt$abc/def.",
    };
    expect(spawnSync(join(store, "custom_scripts/root_password/10-root-password"), { env }).status).toBe(0);
    expect(readFileSync(join(folder, "etc/shadow"), "utf8")).toBe(
      "root:$6$salt$abc/def.:19000:0:99999:7:::\nbin:*:19000::::::\n",
    );
    expect(statSync(join(folder, "etc/shadow")).mode & 0o777).toBe(0o640);
  });
});
