// `image lint` and `image render`: the two that work on a folder, without a controller and without a host.
import { randomBytes } from "node:crypto";
import type { Diagnostic } from "@convirt/image-format/diagnostic";
import type { OptionRefusal } from "@convirt/image-format/options";
import type { RenderedFile } from "@convirt/image-format/render";
import { type Command, Option } from "commander";
import { assignment } from "../assignment.js";
import { CommandFailed, exitCodes } from "../exit.js";
import { type ImageFolder, readImageFolder } from "../image-folder.js";
import { plain, plainJson } from "../output.js";
import { diagnosticLines } from "./diagnostics.js";

export function localImageCommands(image: Command): void {
  image
    .command("lint <dir>")
    .description("check an image's folder; needs no controller")
    .action((dir: string, _flags: unknown, command: Command) => lint(dir, isJson(command)));
  image
    .command("render <dir>")
    .description("what a VM of this image would get; needs no controller")
    .requiredOption("--vm <name>", "the VM's name")
    .option("--machine <type>", "machine type of the host, as `uname -m` says it", "x86_64")
    .option("--server-name <name>", "the host's name", "server1.example.com")
    .option("--store <dir>", "the host's image store", "/var/cache/convirt/image_store")
    .option("--bridge <bridge>", "a bridge that was found on the host")
    .addOption(assignment("--set-image <name=value>", "a value for an option of image.conf"))
    .addOption(assignment("--set-vm <name=value>", "a value for an option of vm_conf.template"))
    .addOption(new Option("--toolstack <toolstack>").choices(["xl", "xm"]).default("xl"))
    .action((dir: string, flags: RenderFlags, command: Command) => render(dir, flags, isJson(command)));
}

interface RenderFlags {
  vm: string;
  machine: string;
  serverName: string;
  store: string;
  bridge?: string;
  setImage?: Record<string, unknown>;
  setVm?: Record<string, unknown>;
  toolstack: "xl" | "xm";
}

function isJson(command: Command): boolean {
  return command.optsWithGlobals<{ json?: boolean }>().json ?? false;
}

async function lint(dir: string, json: boolean): Promise<void> {
  const { lintImage } = await import("@convirt/image-format/lint");
  const folder = readImageFolder(dir);
  const diagnostics = lintImage(folder);
  const accepted = !diagnostics.some((one) => one.severity === "error");
  if (json) process.stdout.write(`${plainJson({ image: folder.name, accepted, diagnostics })}\n`);
  else
    process.stdout.write(
      `${[...diagnosticLines(diagnostics), accepted ? `${folder.name} is accepted.` : `${folder.name} is rejected.`].join("\n")}\n`,
    );
  if (!accepted) throw new CommandFailed(exitCodes.refused, "");
}

async function render(dir: string, flags: RenderFlags, json: boolean): Promise<void> {
  const [{ renderImage }, { fromJson, toJsonText }, { missingFile }] = await Promise.all([
    import("@convirt/image-format/render"),
    import("@convirt/image-format/json"),
    import("@convirt/image-format/lint"),
  ]);
  const folder = readImageFolder(dir);
  const refused = beforeRendering(folder, flags.vm, missingFile);
  if (refused !== undefined) return refuseToRender(refused, json);
  const rendered = renderImage({
    image: folder.name,
    location: folder.name,
    imageConf: folder.files.get("image.conf")?.text ?? "",
    vmConf: folder.files.get("vm_conf.template")?.text ?? "",
    vmName: flags.vm,
    host: { machine: flags.machine, nodename: flags.serverName },
    variables: {
      store: flags.store,
      serverName: flags.serverName,
      ...(flags.bridge === undefined ? {} : { bridge: flags.bridge }),
    },
    imageValues: flags.setImage ?? {},
    vmValues: flags.setVm ?? {},
    enforceCustomizable: false,
    toolstack: flags.toolstack,
    nextMac,
  });
  if (!rendered.ok) return refuseToRender(rendered, json);
  if (json) {
    const file = ({ raw, dropped, substituted }: RenderedFile) => ({ raw, dropped, substituted });
    const answer = {
      image: folder.name,
      image_conf: file(rendered.imageConf),
      vm_conf: file(rendered.vmConf),
      vm_config: rendered.vmConfig,
      // Lines and columns are whole numbers, and are to be written as such.
      diagnostics: fromJson(rendered.diagnostics),
    };
    process.stdout.write(`${toJsonText(answer, 2)}\n`);
  } else {
    process.stdout.write(rendered.vmConfig);
    process.stderr.write(
      diagnosticLines(rendered.diagnostics)
        .map((line) => `${line}\n`)
        .join(""),
    );
  }
}

interface Refused {
  diagnostics: readonly Diagnostic[];
  refusals: readonly OptionRefusal[];
}

/** VM names as hosts take them: never all digits, which xl would take for a domain's id. */
const vmName = /^[A-Za-z][A-Za-z0-9_.-]{0,62}$/;

/** What is wrong before anything is evaluated: a file that is not there, a name that no VM can have. */
function beforeRendering(
  { files }: ImageFolder,
  vm: string,
  missingFile: (file: string) => Diagnostic,
): Refused | undefined {
  const diagnostics = ["image.conf", "vm_conf.template"]
    .filter((file) => !files.has(file))
    .map((file) => missingFile(file));
  const refusals: OptionRefusal[] = vmName.test(vm)
    ? []
    : [
        {
          name: "--vm",
          code: "bad_value",
          message: `"${vm.slice(0, 80)}" cannot be a VM's name: use 1 to 63 of A-Z a-z 0-9 _ . - and start with a letter`,
        },
      ];
  return diagnostics.length + refusals.length === 0 ? undefined : { diagnostics, refusals };
}

function refuseToRender({ diagnostics, refusals }: Refused, json: boolean): never {
  if (json) {
    const answer = { diagnostics, ...(refusals.length > 0 ? { refusals } : {}) };
    process.stdout.write(`${plainJson(answer)}\n`);
  } else {
    const lines = [...diagnosticLines(diagnostics), ...refusals.map((one) => plain(`${one.message} [${one.code}]`))];
    process.stderr.write(lines.map((line) => `${line}\n`).join(""));
  }
  throw new CommandFailed(exitCodes.refused, "");
}

/** A new address of Xen's own range for each use of $AUTOGEN_MAC. */
function nextMac(): string {
  const [a = 0, b = 0, c = 0] = randomBytes(3);
  return ["00", "16", "3e", ...[a & 0x7f, b, c].map((byte) => byte.toString(16).padStart(2, "0"))].join(":");
}
