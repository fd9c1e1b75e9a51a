// The toolstack's file of one VM, as the agent wrote it. The path comes over the wire, so it is believed only when the file there says that it is this VM's:
// nobody can have another VM started, or any other file deleted, by naming its path.
import { lstat, readFile } from "node:fs/promises";
import { basename } from "node:path";
import { evaluate } from "@convirt/image-format/evaluate";
import { flattenXlOptions, parseXlConfig } from "@convirt/image-format/xl/config";
import { parseXlDisk } from "@convirt/image-format/xl/disk";
import { Refusal } from "../errors/errors.js";

export interface NamedVm {
  vmName: string;
  vmUuid: string;
  vmConfigPath: string;
}

const largestBytes = 1024 * 1024;

/** The writable disks that the file names; undefined when there is no file. Throws Refusal path_unsafe when the file is not this VM's configuration. */
export async function writableDisksOf(vm: NamedVm): Promise<string[] | undefined> {
  if (vm.vmConfigPath === "") return undefined;
  const unsafe = (why: string) =>
    new Refusal(
      "path_unsafe",
      `Cannot take ${vm.vmConfigPath.slice(0, 300)} as the configuration of "${vm.vmName}": ${why}`,
    );
  const parts = vm.vmConfigPath.split("/");
  if (parts[0] !== "" || parts.slice(1).some((part) => part === "" || part === "." || part === ".."))
    throw unsafe("it is not a plain absolute path");
  if (basename(vm.vmConfigPath) !== vm.vmName) throw unsafe("the file has another name than the VM");
  const stat = await lstat(vm.vmConfigPath).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT" || error.code === "ENOTDIR") return undefined;
    throw error;
  });
  if (stat === undefined) return undefined;
  if (!stat.isFile() || stat.size > largestBytes) throw unsafe("it is not a regular file of at most 1 MiB");
  const { name, uuid, disks } = optionsIn(await readFile(vm.vmConfigPath, "utf8"));
  if (name !== vm.vmName) throw unsafe(`it names ${name === undefined ? "no VM" : `"${name.slice(0, 100)}"`}`);
  if (uuid !== undefined && uuid !== vm.vmUuid) throw unsafe(`it is of the uuid ${uuid}, the VM has ${vm.vmUuid}`);
  return disks.flatMap((spec) => {
    const verdict = parseXlDisk(spec);
    return verdict.accepted && verdict.disk.readwrite && verdict.disk.target ? [verdict.disk.target] : [];
  });
}

/** In xl's grammar, or in xm's, which is Python's. What is in neither holds nothing. */
function optionsIn(text: string): { name: string | undefined; uuid: string | undefined; disks: string[] } {
  const parsed = parseXlConfig(text);
  if (parsed.accepted) {
    const options = flattenXlOptions(parsed.options);
    const disks = Object.entries(options)
      .filter(([key]) => key.startsWith("disk["))
      .map(([, spec]) => spec);
    return { name: options["name"], uuid: options["uuid"], disks };
  }
  const evaluation = evaluate(text, { file: "VM configuration" });
  if (!evaluation.ok) return { name: undefined, uuid: undefined, disks: [] };
  const one = (key: string) => {
    const value = evaluation.options.get(key);
    return typeof value === "string" ? value : undefined;
  };
  const list = evaluation.options.get("disk");
  const disks = Array.isArray(list) ? list.filter((spec): spec is string => typeof spec === "string") : [];
  return { name: one("name"), uuid: one("uuid"), disks };
}
