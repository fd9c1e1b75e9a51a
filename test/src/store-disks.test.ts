import { execFileSync, spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { bash, isRoot, mib, store, temporaryFolder } from "./store-shell.js";

let folder: ReturnType<typeof temporaryFolder>;
beforeEach(() => {
  folder = temporaryFolder();
});
afterEach(() => folder.remove());

const at = (name: string) => join(folder.path, name);
const sizeOf = (name: string) => statSync(at(name)).size;
const blocksOf = (name: string) => statSync(at(name)).blocks * 512;

/** provision_disks with one disk xvda at $F/web.disk of this type, and these options of it. */
function disk(
  options: Record<string, string>,
  more: { entry?: string; before?: string; environment?: Record<string, string> } = {},
) {
  const assignments = Object.entries(options).map(([name, value]) => `xvda_${name}=${JSON.stringify(value)}`);
  return bash(
    folder.path,
    `log_file="$F/log"; disk="['${more.entry ?? "file:$F/web.disk,xvda,w"}']"; ${assignments.join("; ")}; ${more.before ?? ""}\nprovision_disks; echo done`,
    more.environment,
  );
}
const info = (name: string) =>
  JSON.parse(execFileSync("qemu-img", ["info", "--output=json", at(name)], { encoding: "utf8" })) as {
    format: string;
    "virtual-size": number;
  };
const kindOf = (name: string) =>
  spawnSync("blkid", ["-p", "-s", "TYPE", "-o", "value", at(name)], { encoding: "utf8" }).stdout.trim();

/** A program that is not to be had here, or not to be run: it writes its arguments, one in a line, and does what it is told. */
function standIn(name: string, does = ""): string {
  mkdirSync(at("bin"), { recursive: true });
  writeFileSync(at(`bin/${name}`), `#!/bin/bash\nprintf '%s\\n' ${name} "$@" - >>"${at("calls")}"\n${does}\n`);
  chmodSync(at(`bin/${name}`), 0o755);
  return `${at("bin")}:${process.env["PATH"]}`;
}

describe("a disk entry is read in ConVirt's notation and in xl's own", () => {
  test.each([
    ["file:$F/d,xvda,w", "file", "xvda", "w", "no"],
    ["file:$F/d, ioemu:hda , w!", "file", "hda", "w!", "no"],
    ["tap:aio:$F/d,xvda,w", "tap:aio", "xvda", "w", "no"],
    ["tap2:aio:$F/d,xvda,r", "tap2:aio", "xvda", "r", "no"],
    ["qcow2:$F/d,xvda:disk,w", "qcow2", "xvda", "w", "no"],
    ["file:$F/d,hdc:cdrom,r", "file", "hdc", "r", "yes"],
    ["$F/d,raw,xvda,rw", "file", "xvda", "rw", "no"],
    ["$F/d,qcow2,xvda,ro", "qcow2", "xvda", "r", "no"],
    ["format=qcow2, vdev=xvda, access=rw, target=$F/d", "qcow2", "xvda", "rw", "no"],
    ["vdev=hdc,access=ro,devtype=cdrom,target=$F/d", "file", "hdc", "r", "yes"],
  ])("%s", (entry, ...wanted) => {
    const done = bash(
      folder.path,
      `_convirt_read_entry "${entry}" && printf '%s\\n' "$type" "$device" "$mode" "$cdrom" "$path"`,
    );
    expect(done.stdout.split("\n").slice(0, 5)).toEqual([...wanted, at("d")]);
  });

  test("a target in xl's notation is taken whole, commas and all", () => {
    expect(bash(folder.path, `_convirt_read_entry 'vdev=xvda,target=/a,script=/evil' && echo "$path"`).stdout).toBe(
      "/a,script=/evil\n",
    );
  });

  test("and one that is neither ends the script and is named", () => {
    const done = disk({ disk_create: "yes", disk_size: "1" }, { entry: "nonsense" });
    expect(done.status).toBe(1);
    expect(done.stdout).toContain('the disk entry "nonsense" cannot be read');
  });
});

describe("a disk is made", () => {
  test.each(["qcow2", "vmdk"])("as %s, with a file system inside and not over the format", (type) => {
    const done = disk({ disk_create: "yes", disk_type: type, disk_size: "16", disk_fs_type: "ext4" });
    expect(done.stdout).toContain("done");
    expect(info("web.disk")).toMatchObject({ format: type, "virtual-size": 16 * mib });
    execFileSync("qemu-img", ["convert", "-f", type, "-O", "raw", at("web.disk"), at("raw")]);
    expect(kindOf("raw")).toBe("ext4");
    expect(readdirSync(folder.path).sort()).toEqual(["log", "raw", "web.disk"]);
  });

  test.each(["ext2", "ext3", "ext4", "xfs", "swap"])("as a sparse file with %s", (kind) => {
    const done = disk({ disk_create: "yes", disk_size: "320", disk_fs_type: kind });
    expect(done.stdout).toContain("done");
    expect(kindOf("web.disk")).toBe(kind);
    expect(sizeOf("web.disk")).toBe(320 * mib);
    expect(blocksOf("web.disk")).toBeLessThan(100 * mib);
  });

  test.each([
    [{ disk_create: "yes", disk_size: "0" }, 'the size is "0"'],
    [{ disk_create: "yes", disk_size: "010" }, 'the size is "010"'],
    [{ disk_create: "yes", disk_size: "9999999999999999999" }, "and must be a whole number of MiB"],
    [{ disk_create: "yes", disk_size: "16", disk_fs_type: "ntfs" }, "unknown file system ntfs"],
    [{ image_src: "/x", disk_size: "1" }, 'xvda_image_src_type is "", and must be disk_image or disk_content'],
    [{ image_src_type: "disk_image", disk_size: "1" }, "but xvda_image_src says nothing"],
    [{ image_src: "/nowhere", image_src_type: "disk_image" }, "the source /nowhere is not there"],
  ])("only when the options make sense: %j", (options, words) => {
    const done = disk(options);
    expect(done.status).toBe(1);
    expect(done.stdout).toContain(words);
  });

  test("other types have their folder made, and nothing else, whatever the size", () => {
    expect(bash(folder.path, 'create_disk VDB "$F/new/d"; echo $?').stdout).toBe("0\n");
    expect(readdirSync(at("new"))).toEqual([]);
  });
});

describe("a volume (by stand-ins: not every machine that tests has the device mapper)", () => {
  const lvm = { disk_create: "yes", disk_type: "LVM", disk_size: "64" };
  const entry = "phy:/dev/vg-convirt-test/web,xvda,w";

  test("is made with its size, its name and its group, each as one argument", () => {
    const done = disk(lvm, { entry, environment: { PATH: standIn("lvcreate") } });
    expect(done.stdout).toContain("done");
    expect(readFileSync(at("calls"), "utf8").split("\n")).toEqual([
      "lvcreate",
      "--quiet",
      "--yes",
      "--wipesignatures",
      "y",
      "--size",
      "64m",
      "--name",
      "web",
      "--",
      "vg-convirt-test",
      "-",
      "",
    ]);
  });

  test.each(["phy:/dev/web,xvda,w", "phy:/dev/vg/a/b,xvda,w", "phy:/dev/-vg/web,xvda,w", "phy:/dev/vg/-web,xvda,w"])(
    "is not made as %s, which names none",
    (wrong) => {
      const done = disk(lvm, { entry: wrong, environment: { PATH: standIn("lvcreate") } });
      expect(done.stdout).toContain("does not name a volume");
      expect(existsSync(at("calls"))).toBe(false);
    },
  );

  test("that cannot be made ends the script", () => {
    const done = disk(lvm, { entry, environment: { PATH: standIn("lvcreate", "exit 5") } });
    expect(done.status).toBe(1);
    expect(done.stdout).toContain("cannot make /dev/vg-convirt-test/web");
  });
});

describe("a reference disk", () => {
  /** 3 MiB with data at both ends and a hole between and behind. */
  const reference = "printf begin >ref; truncate -s 2M ref; printf middle >>ref; truncate -s 3M ref";

  test.each([
    ["raw", "cp ref src"],
    ["gzip", "gzip -c ref >src"],
    ["bzip", "bzip2 -c ref >src"],
    ["xz", "xz -c ref >src"],
    ["zstd", "zstd -q -c ref >src"],
    ["tar", "tar cf src ref"],
    ["tar_gzip", "tar czf src ref"],
    ["tar_bzip", "tar cjf src ref"],
    ["zip", "zip -q s.zip ref && mv s.zip src"],
    ["qcow2", "qemu-img convert -f raw -O qcow2 ref src"],
    [
      "dir-gzipped-chunks",
      "mkdir src; split -b 1M ref part; n=0; for p in part*; do gzip -c $p >src/chunk-00$n.gz; n=$((n+1)); done; rm part*",
    ],
  ])("%s is written whole, sparse, and grown", (format, make) => {
    const done = disk(
      { image_src: "$F/src", image_src_type: "disk_image", image_src_format: format, disk_size: "8" },
      { before: `${reference}; ${make}` },
    );
    expect(done.stdout).toContain("done");
    expect(sizeOf("web.disk")).toBe(8 * mib);
    expect(spawnSync("cmp", ["-n", String(3 * mib), at("ref"), at("web.disk")]).status).toBe(0);
    expect(blocksOf("web.disk")).toBeLessThan(mib);
  });

  test.each(["qcow2", "vmdk"])("becomes a disk of kind %s, grown", (type) => {
    const options = {
      disk_type: type,
      image_src: "$F/ref",
      image_src_type: "disk_image",
      image_src_format: "raw",
      disk_size: "8",
    };
    expect(disk(options, { before: reference }).stdout).toContain("done");
    expect(info("web.disk")).toMatchObject({ format: type, "virtual-size": 8 * mib });
    execFileSync("qemu-img", ["convert", "-f", type, "-O", "raw", at("web.disk"), at("raw")]);
    expect(spawnSync("cmp", ["-n", String(3 * mib), at("ref"), at("raw")]).status).toBe(0);
    expect(existsSync(at("web.disk.raw"))).toBe(false);
  });

  test("larger than the size asked for stays as it is", () => {
    expect(
      disk({ image_src: "$F/ref", image_src_type: "disk_image", disk_size: "1" }, { before: reference }).stdout,
    ).toContain("done");
    expect(sizeOf("web.disk")).toBe(3 * mib);
  });

  test("that breaks off, or is of another format, ends the script and leaves no disk", () => {
    for (const [format, make] of [
      ["gzip", "gzip -c ref | head -c 100 >src"],
      ["xz", "cp ref src"],
      ["qcow2", "cp ref src"],
      ["tar", "cp ref src"],
      ["zzz", "cp ref src"],
      ["dir-gzipped-chunks", "rm -rf src; mkdir src"],
      ["dir-gzipped-chunks", "rm -rf src; mkdir src; gzip -c ref >src/chunk-0.gz; printf x >src/chunk-1.gz"],
    ] as const) {
      const done = disk(
        { image_src: "$F/src", image_src_type: "disk_image", image_src_format: format, disk_size: "8" },
        { before: `${reference}; ${make}` },
      );
      expect({ format, status: done.status, isThere: existsSync(at("web.disk")) }).toEqual({
        format,
        status: 1,
        isThere: false,
      });
      expect(done.stdout).toContain("cannot write");
    }
  });

  test("that is a qcow2 on top of another file of the host is refused", () => {
    const before = `${reference}; qemu-img convert -f raw -O qcow2 ref base; qemu-img create -q -f qcow2 -b "$F/base" -F qcow2 src`;
    const done = disk(
      { image_src: "$F/src", image_src_type: "disk_image", image_src_format: "qcow2", disk_size: "8" },
      { before },
    );
    expect(done.status).toBe(1);
    expect(done.stdout).toContain("names another file as its base");
    expect(existsSync(at("web.disk"))).toBe(false);
  });

  test("is not written over a disk or a device that is there", () => {
    const options = { image_src: "$F/ref", image_src_type: "disk_image" };
    writeFileSync(at("web.disk"), "precious");
    for (const entry of ["file:$F/web.disk,xvda,w", "qcow2:$F/web.disk,xvda,w", "phy:/dev/null,xvda,w"]) {
      const done = disk(options, { entry, before: reference });
      expect(done.stdout).toContain("exists already; it is not touched");
      expect(done.status).toBe(1);
    }
    expect(readFileSync(at("web.disk"), "utf8")).toBe("precious");
    expect(disk(options, { before: reference, environment: { CONVIRT_REPLACE_DISKS: "yes" } }).stdout).toContain(
      "done",
    );
    expect(sizeOf("web.disk")).toBe(3 * mib);
  });

  test.runIf(isRoot)("is cloned without copying where the file system can share blocks", () => {
    execFileSync("truncate", ["--size=512M", at("xfs.img")]);
    execFileSync("mkfs.xfs", ["-q", at("xfs.img")]);
    mkdirSync(at("xfs"));
    execFileSync("mount", ["-o", "loop", at("xfs.img"), at("xfs")]);
    try {
      execFileSync("sh", ["-c", `head -c 100M /dev/urandom >'${at("xfs/ref")}'; sync`]);
      const free = () => Number(execFileSync("stat", ["-f", "-c", "%a", at("xfs")], { encoding: "utf8" })) * 4096;
      const before = free();
      expect(bash(folder.path, 'convert_image raw "$F/xfs/ref" "$F/xfs/copy"; echo $?').stdout).toBe("0\n");
      expect(spawnSync("cmp", [at("xfs/ref"), at("xfs/copy")]).status).toBe(0);
      expect(before - free()).toBeLessThan(20 * mib);
    } finally {
      execFileSync("umount", [at("xfs")]);
    }
  });

  test.runIf(isRoot)("is written through to a device, and no further than it holds", () => {
    execFileSync("truncate", ["--size=8M", at("back")]);
    const device = execFileSync("losetup", ["--find", "--show", at("back")], { encoding: "utf8" }).trim();
    try {
      const copy = (format: string, make: string) =>
        bash(folder.path, `${reference}; ${make}; convert_image ${format} "$F/src" ${device}; echo $?`).stdout;
      for (const [format, make] of [
        ["raw", "cp ref src"],
        ["gzip", "gzip -c ref >src"],
        ["qcow2", "qemu-img convert -f raw -O qcow2 ref src"],
      ] as const) {
        expect(copy(format, make)).toBe("0\n");
        expect(spawnSync("cmp", ["-n", String(3 * mib), at("ref"), device]).status).toBe(0);
      }
      expect(copy("gzip", "truncate -s 9M big; gzip -c big >src")).toBe("1\n");
    } finally {
      execFileSync("losetup", ["--detach", device]);
    }
  });
});

describe.runIf(isRoot)("the content of a disk", () => {
  const files = 'mkdir -p "tree/a b"; echo one >"tree/a b/f"; chmod 750 "tree/a b/f"; ln -s /etc/passwd tree/link';
  const content = (format: string, make: string, more: Record<string, string> = {}) =>
    disk(
      {
        disk_create: "yes",
        disk_size: "16",
        disk_fs_type: "ext4",
        image_src: "$F/src:1",
        image_src_type: "disk_content",
        image_src_format: format,
        ...more,
      },
      { before: `${files}; ${make}` },
    );
  const read = (image: string) =>
    bash(
      folder.path,
      `with_mounted "$F/${image}" sh -c 'cat "$CONVIRT_ROOT/a b/f"; stat -c %a "$CONVIRT_ROOT/a b/f"; readlink "$CONVIRT_ROOT/link"'`,
    );

  test.each([
    ["tar", 'tar -C tree -cf "src:1" .'],
    ["tar_gzip", 'tar -C tree -czf "src:1" . 2>/dev/null || tar --force-local -C tree -czf "src:1" .'],
    ["tar_bzip", 'tar --force-local -C tree -cjf "src:1" .'],
    ["zip", 'cd tree; zip -q -r -y ../s.zip .; cd ..; mv s.zip "src:1"'],
    ["dir", 'mv tree "src:1"'],
  ])("comes from %s, and nothing stays mounted", (format, make) => {
    const done = content(format, make.replaceAll("tar -C", "tar --force-local -C"));
    expect(done.stdout).toContain("done");
    expect(read("web.disk").stdout).toBe("one\n750\n/etc/passwd\n");
    expect(execFileSync("losetup", ["--associated", at("web.disk")], { encoding: "utf8" })).toBe("");
    expect(readFileSync("/proc/self/mounts", "utf8")).not.toContain("/mnt/convirt.");
  });

  test("goes into a qcow2 as well", () => {
    expect(content("tar", 'tar --force-local -C tree -cf "src:1" .', { disk_type: "qcow2" }).stdout).toContain("done");
    execFileSync("qemu-img", ["convert", "-f", "qcow2", "-O", "raw", at("web.disk"), at("raw")]);
    expect(read("raw").stdout).toContain("one\n");
  });

  test("that cannot be unpacked, or has no file system to go to, ends the script and leaves nothing mounted", () => {
    expect(content("tar", 'echo no >"src:1"').stdout).toContain("cannot unpack");
    folder.remove();
    mkdirSync(folder.path);
    const none = content("tar", 'tar --force-local -C tree -cf "src:1" .', { disk_fs_type: "" });
    expect(none.stderr).toContain("it holds no file system that this host knows");
    expect(none.status).toBe(1);
    expect(readdirSync("/mnt").filter((name) => name.startsWith("convirt."))).toEqual([]);
  });

  test("is let go of when the script is killed in the middle", async () => {
    execFileSync("truncate", ["--size=16M", at("d")]);
    execFileSync("mke2fs", ["-q", "-F", at("d")]);
    const script = `with_mounted "$F/d" sh -c 'echo mounted >"$F/mark"; kill -KILL 0'`;
    spawnSync("setsid", ["--wait", "bash", "-c", `source "${store}/common/functions"; ${script}`], {
      env: { PATH: process.env["PATH"] ?? "", F: folder.path },
    });
    expect(readFileSync(at("mark"), "utf8")).toBe("mounted\n");
    try {
      // The system lets go of it when the last process of the mount's namespace has ended, which is a moment after the one that was waited for.
      const devices = () => execFileSync("losetup", ["--associated", at("d")], { encoding: "utf8" });
      await expect.poll(devices, { timeout: 20_000 }).toBe("");
    } finally {
      for (const name of readdirSync("/mnt")) if (name.startsWith("convirt.")) execFileSync("rmdir", [`/mnt/${name}`]);
    }
  });
});
