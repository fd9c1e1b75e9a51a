// Which group an option is shown in. The names are those of xl configurations and of images as they are; what is none of these is the image's own.
import type { OptionView } from "@convirt/contract/image";

export const groups = ["General", "Disks", "Network", "Boot", "Miscellaneous", "Image"] as const;
export type Group = (typeof groups)[number];

const byName: readonly [RegExp, Group][] = [
  [/^(memory|maxmem|vcpus|maxvcpus|cpus|os_flavor|os_name|os_version|platform|uuid)$/, "General"],
  [/disk|^VM_(DISKS|CONF)_DIR$|image_src|^(hd|sd|xvd)[a-z]_/, "Disks"],
  [/^(vif|bridge|ip|address|netmask|gateway|dns|mac)|network|_(bridge|ip|mac|address|gateway|dns)$/, "Network"],
  [/^(kernel|ramdisk|extra|root|boot|bootloader|bootargs|builder|type|firmware|bios|cmdline)|kernel|ramdisk/, "Boot"],
];

export function groupOf({ name, file }: OptionView): Group {
  const known = byName.find(([pattern]) => pattern.test(name))?.[1];
  return known ?? (file === "image.conf" ? "Image" : "Miscellaneous");
}

const units: readonly [RegExp, string][] = [
  [/^(memory|maxmem)$|disk_size|_mib$/i, "MiB"],
  [/timeout|_seconds$/i, "s"],
];

export function unitOf(name: string): string | undefined {
  return units.find(([pattern]) => pattern.test(name))?.[1];
}
