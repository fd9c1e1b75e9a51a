// The file for `xm`, on Xen before 4.5: the same options as Python literals with xm's own key names, disks in the notation that it reads.
import { reprPython } from "../python-text.js";
import type { Options, OptionValue } from "../value.js";
import { parseConvirtDisk } from "./disk.js";
import { convirtKeys } from "./keys.js";
import { problem, type RenderedConfig, type RenderXlRequest } from "./render.js";

/** Writes the file for xm. Never throws on any options. */
export function renderXm(options: Options, request: RenderXlRequest): RenderedConfig {
  const diagnostics: RenderedConfig["diagnostics"] = [];
  const lines = [`name = ${reprPython(request.vmName)}`];
  if (request.uuid !== undefined) lines.push(`uuid = ${reprPython(request.uuid)}`);
  for (const [key, value] of options) {
    if (key === "name" || key === "uuid" || !/^[a-z][a-z0-9_]*$/.test(key)) continue;
    if (key === "on_shutdown") {
      if (!options.has("on_poweroff") && value !== "") lines.push(`on_poweroff = ${reprPython(value)}`);
    } else if (key === "type") {
      if (value === "hvm" && !options.has("builder")) lines.push("builder = 'hvm'");
    } else if (key === "disk") lines.push(`disk = ${reprPython(disks(value, diagnostics))}`);
    else if (!convirtKeys.has(key)) lines.push(`${key} = ${reprPython(value)}`);
  }
  return { text: `${lines.join("\n")}\n`, diagnostics };
}

function disks(value: OptionValue, diagnostics: RenderedConfig["diagnostics"]): string[] {
  const written: string[] = [];
  for (const entry of Array.isArray(value) ? value : [value]) {
    if (typeof entry !== "string" || entry.trim() === "") continue;
    const disk = parseConvirtDisk(entry);
    if (disk === undefined) {
      diagnostics.push(
        problem(
          "xl_disk",
          "error",
          `disk "${entry}" is not TYPE:PATH,DEVICE,MODE`,
          "Write it so, such as file:/vm/a.img,xvda,w.",
        ),
      );
      continue;
    }
    const type = disk.type.toLowerCase() === "lvm" ? "phy" : disk.type;
    written.push(`${type}:${disk.path},${disk.device}${disk.cdrom ? ":cdrom" : ""},${disk.mode}`);
  }
  return written;
}
