import { execFileSync, spawnSync } from "node:child_process";
import { chmodSync, cpSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { bash, isRoot, mib, provision, store, temporaryFolder } from "./store-shell.js";

let folder: ReturnType<typeof temporaryFolder>;
beforeEach(() => {
  folder = temporaryFolder();
});
afterEach(() => folder.remove());
const at = (name: string) => join(folder.path, name);

describe("an old image's script, written by the guide of 2009, runs as it is", () => {
  // In the manner of its time: no `set -e`, unquoted where it worked, its own loop over the disks, variables by indirection.
  const old = `#!/bin/bash
usage() { echo "Usage: $0 -i -s -p -x -l -c" ; exit 1 ; }
while getopts "i:s:p:x:l:c:" option
do
    case $option in
        i ) image_name=$OPTARG;;
        s ) store=$OPTARG;;
        p ) param_file=$OPTARG;;
        x ) vm_config=$OPTARG;;
        l ) log_file=$OPTARG;;
        c ) image_conf=$OPTARG;;
        * ) usage;;
    esac
done
common_loc=$store/common
custom_loc=$store/custom_scripts
image_root=$store/$image_name
image_custom_loc=$image_root/custom_scripts
source $common_loc/defs
source $common_loc/functions
log_msg "=== provisioning started: $image_name ==="
if [ -e "$image_conf" ]; then
    source_python_config $image_conf
fi
source_python_config $vm_config
source $param_file
for dsk in $(echo "$disk" | $SED "s/[][',]/ /g; s/  */ /g" | tr ' ' '\\n' | $GREP '^file:')
do
    disk_name=\${dsk#file:}
    eval create=\\$xvda_disk_create
    eval size=\\$xvda_disk_size
    eval fstype=\\$xvda_disk_fs_type
    if [ "$create" == "yes" ]; then
        create_disk $xvda_disk_type $disk_name $size
        if [ "$fstype" != "" ]; then
            make_fs $disk_name $fstype
            if [ $? -ne 0 ]; then log_msg "make_fs failed"; exit 1; fi
        fi
    fi
done
if [ "$kernel_src" != "" ] && [ "$kernel" != "" ]; then
    $MKDIR -p $($DIRNAME $kernel)
    fetch_file $kernel_src $kernel
    if [ $? != 0 ]; then log_msg "could not fetch $kernel_src"; exit 1; fi
fi
list=$(echo $labels | $SED 's/(/("/; s/, /", "/; s/)/")/')
log_msg "labels $list"
log_msg "password $admin_password"
log_msg "=== completed ==="
exit 0
`;
  const run = (options: Record<string, string> = {}) => {
    writeFileSync(at("provision.sh"), old, { mode: 0o755 });
    writeFileSync(at("vmlinuz"), "a kernel");
    return provision(folder.path, {
      script: at("provision.sh"),
      options: {
        disk: `['file:${at("vm/web.disk.xm")},xvda,w']`,
        xvda_disk_create: "yes",
        xvda_disk_type: "VBD",
        xvda_disk_size: "16",
        xvda_disk_fs_type: "ext3",
        kernel_src: at("vmlinuz"),
        kernel: at("boot/FC8/vmlinuz"),
        labels: "(A, B)",
        admin_password: "$1$9qAFryp3$XmvqcFN/CJG4AC7jgyVE8",
        ...options,
      },
    });
  };

  test("it makes its disk and its file system, fetches its kernel, and finds every byte of its options", () => {
    const done = run();
    expect(done.stderr).toBe("");
    expect(done.status).toBe(0);
    expect(statSync(at("vm/web.disk.xm")).size).toBe(16 * mib);
    expect(execFileSync("blkid", ["-p", "-s", "TYPE", "-o", "value", at("vm/web.disk.xm")], { encoding: "utf8" })).toBe(
      "ext3\n",
    );
    expect(readFileSync(at("boot/FC8/vmlinuz"), "utf8")).toBe("a kernel");
    const log = readFileSync(at("log"), "utf8");
    expect(log).toContain('labels ("A", "B")\n');
    expect(log).toContain("password $1$9qAFryp3$XmvqcFN/CJG4AC7jgyVE8\n");
    expect(log.split("\n").at(-2)).toBe("=== completed ===");
  });

  test("it fails when what it needs is not there, with the reason in its log", () => {
    expect(run({ kernel_src: "/nowhere/vmlinuz" }).status).toBe(1);
    expect(readFileSync(at("log"), "utf8")).toContain("could not fetch /nowhere/vmlinuz\n");
    expect(existsSync(at("boot/FC8/vmlinuz"))).toBe(false);
  });
});

test("every name that the guide promises to scripts is there", () => {
  const variables =
    "qt GREP SED DD CP MV MKDIR MKTEMP MKE2FS RMDIR MOUNT UMOUNT TAR UNZIP GUNZIP BUNZIP MKSWAP QEMU_IMG DIRNAME LVM_BASE LVCREATE LVREMOVE LVDISPLAY DD_BLOCK_SIZE";
  const functions = "log_msg fetch_file retrieve_url create_disk source_python_config make_fs copy_disk_content";
  const script = `for v in ${variables}; do [ -n "\${!v}" ] || echo "no $v"; done; for f in ${functions}; do declare -F "$f" >/dev/null || echo "no $f"; done; $GREP -q x <<<x && $BUNZIP --help >/dev/null 2>&1 && echo well`;
  expect(bash(folder.path, script).stdout).toBe("well\n");
});

describe.runIf(isRoot)("custom_list with custom_root works on the root of the VM's own disk", () => {
  const options = {
    custom_list: "['hostname', 'root_password']",
    custom_root: "xvda",
    hostname: "web-1.example.com",
    root_password_hash: "$6$salt$abc/def.",
  };
  const system =
    'mkdir -p root/etc; echo old >root/etc/hostname; printf "root:*:19000:0:99999:7:::\\nbin:*:19000::::::" >root/etc/shadow; chmod 640 root/etc/shadow';
  const image = (disk: string) => {
    mkdirSync(at("Image"));
    cpSync(join(store, "example/provision.sh"), at("Image/provision.sh"));
    return provision(folder.path, {
      script: at("Image/provision.sh"),
      options: { ...options, disk: `['file:${at(disk)},xvda,w']` },
    });
  };
  const read = (disk: string, what: string) => bash(folder.path, `with_mounted "$F/${disk}" sh -c '${what}'`).stdout;

  test("be it the whole disk", () => {
    bash(folder.path, `${system}; truncate -s 16M d; mke2fs -q -F -d root d`);
    const done = image("d");
    expect(done.stderr).toBe("");
    expect(done.status).toBe(0);
    expect(
      read("d", 'cat "$CONVIRT_ROOT/etc/hostname" "$CONVIRT_ROOT/etc/shadow"; stat -c %a "$CONVIRT_ROOT/etc/shadow"'),
    ).toBe("web-1.example.com\nroot:$6$salt$abc/def.:19000:0:99999:7:::\nbin:*:19000::::::\n640\n");
    expect(execFileSync("losetup", ["--associated", at("d")], { encoding: "utf8" })).toBe("");
  });

  test("or the largest partition that holds a system, among others", () => {
    bash(
      folder.path,
      `${system}; truncate -s 100M d; printf 'label: gpt\\nsize=8MiB\\nsize=40MiB\\nsize=32MiB\\n' | sfdisk --quiet d
       truncate -s 40M data; mke2fs -q -F data; truncate -s 32M sys; mke2fs -q -F -d root sys
       dd if=data of=d bs=1M seek=9 conv=notrunc status=none; dd if=sys of=d bs=1M seek=49 conv=notrunc status=none`,
    );
    expect(image("d").status).toBe(0);
    expect(read("d", 'cat "$CONVIRT_ROOT/etc/hostname"')).toBe("web-1.example.com\n");
  });

  test("a script that fails there ends the job, is named, and leaves nothing mounted", () => {
    bash(folder.path, "mkdir root; truncate -s 16M d; mke2fs -q -F -d root d");
    const done = image("d");
    expect(done.status).toBe(1);
    expect(done.stdout).toContain("custom_scripts/hostname/10-hostname ended with");
    expect(execFileSync("losetup", ["--associated", at("d")], { encoding: "utf8" })).toBe("");
    expect(readFileSync("/proc/self/mounts", "utf8")).not.toContain("/mnt/convirt.");
  });

  test("a device that the VM does not have is named", () => {
    mkdirSync(at("Image"));
    cpSync(join(store, "example/provision.sh"), at("Image/provision.sh"));
    const done = provision(folder.path, {
      script: at("Image/provision.sh"),
      options: { ...options, custom_root: "sda", disk: "[]" },
    });
    expect({ status: done.status, out: done.stdout }).toMatchObject({
      status: 1,
      out: expect.stringContaining('there is no disk "sda"'),
    });
  });
});

test("custom scripts find every option as it was written in their environment, and no variable of the script itself", () => {
  mkdirSync(at("Image/custom_scripts/show"), { recursive: true });
  writeFileSync(
    at("Image/custom_scripts/show/1"),
    "#!/bin/sh\nenv -0 | grep -z '^CONVIRT_OPTION_' | sort -z | tr '\\0' '|'\n",
  );
  chmodSync(at("Image/custom_scripts/show/1"), 0o755);
  mkdirSync(at("sh"));
  writeFileSync(at("conf"), "");
  writeFileSync(
    at("sh/conf.sh"),
    "text='it'\\''s $(id)\nB='\\''no'\nnumber='1'\nlong='" +
      "x".repeat(200_000) +
      "'\ncustom_list='['\\''show'\\'']'\n",
  );
  const done = bash(
    folder.path,
    'sha256sum "$F/conf" >"$F/sh/conf.sha256"; log_file=/dev/null; own=1; source_python_config "$F/conf"; run_custom_scripts "$F/Image" "$F"',
    { CONVIRT_SHELL_CONFIG_DIR: at("sh") },
  );
  expect(done.stdout).toContain("the option long is too long for a script's environment\n");
  expect(done.stdout).toContain(
    "CONVIRT_OPTION_custom_list=['show']|CONVIRT_OPTION_number=1|CONVIRT_OPTION_text=it's $(id)\nB='no|",
  );
});

describe("Linux_Disk_Image", () => {
  const seedOf = (options: Record<string, string>) => {
    writeFileSync(at("ref.raw"), "boot");
    return provision(folder.path, {
      script: join(store, "Linux_Disk_Image/provision.sh"),
      options: {
        disk: `['file:${at("web.disk")},xvda,w', 'file:${at("web.seed.iso")},xvdb,r']`,
        xvda_image_src: at("ref.raw"),
        xvda_image_src_type: "disk_image",
        xvda_image_src_format: "raw",
        xvda_disk_type: "VBD",
        xvda_disk_size: "4",
        seed_user: "admin",
        seed_ssh_keys: "['ssh-ed25519 AAAA me@home', 'ssh-rsa BBBB \"x\"']",
        seed_hostname: "",
        seed_address: "192.0.2.10/24",
        seed_gateway: "192.0.2.1",
        seed_dns: "['192.0.2.53', '2001:db8::53']",
        ...options,
      },
    });
  };
  /** What a guest reads from the seed: by the names that Rock Ridge gives. */
  const fileOf = (name: string) =>
    execFileSync("isoinfo", ["-R", "-x", `/${name}`, "-i", at("web.seed.iso")], { encoding: "utf8" });

  test("copies, grows and makes a seed that cloud-init finds, with user, keys, name and network", () => {
    const done = seedOf({});
    expect(done.stderr).toBe("");
    expect(done.status).toBe(0);
    expect(statSync(at("web.disk")).size).toBe(4 * mib);
    expect(
      spawnSync("blkid", ["-p", "-s", "LABEL", "-o", "value", at("web.seed.iso")], { encoding: "utf8" }).stdout,
    ).toBe("cidata\n");
    expect(fileOf("meta-data")).toBe('instance-id: "087cae58-ef28-4c2e-9cd7-4acab221a082"\nlocal-hostname: "web"\n');
    expect(fileOf("user-data")).toBe(`#cloud-config
hostname: "web"
users:
  - name: "admin"
    sudo: "ALL=(ALL) NOPASSWD:ALL"
    shell: /bin/bash
    lock_passwd: true
    ssh_authorized_keys:
      - "ssh-ed25519 AAAA me@home"
      - "ssh-rsa BBBB \\"x\\""
growpart:
  mode: auto
  devices: ["/"]
`);
    expect(fileOf("network-config")).toBe(`version: 2
ethernets:
  all:
    match:
      name: "e*"
    addresses: ["192.0.2.10/24"]
    routes:
      - to: "0.0.0.0/0"
        via: "192.0.2.1"
    nameservers:
      addresses:
        - "192.0.2.53"
        - "2001:db8::53"
`);
  });

  test("says nothing in the seed of what was not set: no empty list, which cloud-init refuses", () => {
    const done = seedOf({
      seed_ssh_keys: "[]",
      seed_address: "2001:db8::10/64",
      seed_gateway: "2001:db8::1",
      seed_dns: "[]",
    });
    expect(done.stdout).toContain("WARNING: seed_ssh_keys is empty");
    expect(fileOf("user-data")).not.toContain("ssh_authorized_keys");
    expect(fileOf("network-config")).toContain('- to: "::/0"\n        via: "2001:db8::1"\n');
    expect(fileOf("network-config")).not.toContain("nameservers");
  });

  test("keeps hostile values text", () => {
    seedOf({ seed_user: 'a"\nroot: true\\', seed_ssh_keys: "['x\\n      - injected']", seed_hostname: "h\u0007" });
    expect(fileOf("user-data")).toContain('  - name: "a\\"\\nroot: true\\\\"\n');
    expect(fileOf("user-data")).toContain('      - "x\\n      - injected"\n');
    expect(fileOf("meta-data")).toContain('local-hostname: "h"\n');
  });

  test.each([
    [{ seed_address: "192.0.2.10" }, "must be dhcp or an address with its prefix"],
    [{ disk: "[]" }, 'there is no disk "xvdb"'],
    [{ xvda_image_src: "/nowhere.img" }, "the source /nowhere.img is not there"],
  ])("refuses %j before it makes anything", (options, words) => {
    const done = seedOf(options);
    expect(done.status).toBe(1);
    expect(done.stdout).toContain(words);
    expect(existsSync(at("web.disk")) || existsSync(at("web.seed.iso"))).toBe(false);
  });
});

test.each(["Linux_CD_Install", "Windows_CD_Install"])(
  "%s says that the ISO is missing before it makes a disk",
  (image) => {
    const options = {
      disk: `['file:${at("d")},xvda,w']`,
      xvda_disk_create: "yes",
      xvda_disk_size: "1",
      hda_disk_create: "yes",
      hda_disk_size: "1",
      iso: "/nowhere.iso",
    };
    const done = provision(folder.path, { script: join(store, image, "provision.sh"), options });
    expect({ status: done.status, out: done.stdout }).toMatchObject({
      status: 1,
      out: expect.stringContaining("the ISO /nowhere.iso is not there"),
    });
    expect(existsSync(at("d"))).toBe(false);
  },
);
