// A whole installation for a test file, in a temporary folder, with a store that holds Tiny_Linux and the images that the test writes.
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Installation, root } from "@convirt/demo/installation";

export interface TestInstallation {
  installation: Installation;
  folder: string;
  store: string;
  /** Adds an image to the store and waits until the controller has read it. */
  addImage(name: string, image: { script: string; imageConf?: string; vmConf?: string }): Promise<void>;
  stop(): Promise<void>;
}

/** `environment`: settings of the controller beside its own. */
export async function startInstallation(
  hosts: readonly string[] = ["xen1"],
  environment: Readonly<Record<string, string>> = {},
): Promise<TestInstallation> {
  const folder = mkdtempSync(join(tmpdir(), "convirt-system-"));
  const store = join(folder, "store");
  mkdirSync(store);
  for (const name of ["common", "custom_scripts", "Tiny_Linux", "image_store.conf"])
    cpSync(join(root, "image_store", name), join(store, name), { recursive: true });
  const installation = await Installation.start({ folder, store, controller: { environment } });
  for (const name of hosts) await installation.addHost(name);
  return {
    installation,
    folder,
    store,
    addImage: async (name, image) => {
      const path = join(store, name);
      mkdirSync(path);
      writeFileSync(join(path, "image.conf"), image.imageConf ?? defaultImageConf);
      writeFileSync(join(path, "vm_conf.template"), image.vmConf ?? defaultVmConf);
      writeFileSync(join(path, "provision.sh"), image.script, { mode: 0o755 });
      await installation.client.call("scanImages");
    },
    stop: async () => {
      await installation.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

const defaultImageConf =
  "xvda_disk_create='yes'\nxvda_disk_size=1\nVM_DISKS_DIR='/vm_disks'\nVM_CONF_DIR='/var/cache/convirt/vm_configs'\n";
const defaultVmConf =
  "name=''\nmemory=32\ntype='pvh'\nkernel='/bin/sh'\ndisk=['file:$VM_DISKS_DIR/$VM_NAME.img,xvda,w']\n";

/** The start of a script that reads its arguments and makes its disks as every image does. */
export const preamble = `#!/bin/bash
while getopts 'x:p:s:i:l:c:' flag; do
  case $flag in x) vm_config=$OPTARG ;; s) store=$OPTARG ;; l) log_file=$OPTARG ;; c) image_conf=$OPTARG ;; *) ;; esac
done
source "$store/common/defs"
source "$store/common/functions"
source_python_config "$image_conf" || exit 1
source_python_config "$vm_config" || exit 1
`;
