// Whose word a value is. An option that has the value which the image's own files give it, whatever the VM is called, is its author's word, and authors are root on
// the hosts. Everything else is *given*: somebody who makes a VM had a part in it, and where it names a place on a host, the host's rules hold for it. It goes by
// comparison and not by what anybody says: the same on the controller, before a job is made, and on the host, which has the image's files.

import { declaredPurposes, type Purpose, placesIn, purposeOf } from "./purposes.js";
import { reprPython } from "./python-text.js";
import { secretNames } from "./secrets.js";
import { SubstitutionTooLarge, substituteOptions, type TemplateVariables } from "./substitute.js";
import type { Options, OptionValue } from "./value.js";
import { plainKeys, privilegedKeys } from "./xl/keys.js";

export type OptionFile = "image.conf" | "vm_conf.template";

export interface GivenRequest {
  /** The image's own files as they evaluate on the host, nothing replaced in them yet. */
  author: { imageConf: Options; vmConf: Options };
  /** What the script and the toolstack get: values set, names replaced. */
  asked: { imageConf: Options; vmConf: Options };
  /** As they were replaced in `asked`. */
  variables: TemplateVariables;
}

/** A value, or a text in one, that is not its author's own word and names a place on the host. */
export interface GivenPlace {
  file: OptionFile;
  name: string;
  /** `boot`: the kernel or the ramdisk of the VM's configuration, which a value of another option can lead elsewhere. */
  purpose: Exclude<Purpose, "text"> | "boot";
  text: string;
}

/** The options, by file, that are given; in a list the whole option is. */
export function givenOptions(request: GivenRequest): { imageConf: ReadonlySet<string>; vmConf: ReadonlySet<string> } {
  const own = authorsOwn(request);
  const givenIn = (asked: Options, values: readonly Options[]) =>
    new Set([...asked].filter(([name, value]) => !isOwn(name, value, values)).map(([name]) => name));
  return {
    imageConf: givenIn(request.asked.imageConf, own?.map(({ imageConf }) => imageConf) ?? []),
    vmConf: givenIn(request.asked.vmConf, own?.map(({ vmConf }) => vmConf) ?? []),
  };
}

/** Every place that is given, in the order of the files; disks and network cards, which are judged as the toolstack reads them, are not among them. */
export function givenPlaces(request: GivenRequest): GivenPlace[] {
  const given = givenOptions(request);
  return [
    ...placesOf("image.conf", request.asked.imageConf, { given: given.imageConf, author: request.author.imageConf }),
    ...placesOf("vm_conf.template", request.asked.vmConf, { given: given.vmConf, author: request.author.vmConf }),
  ];
}

/** What the files give with nobody's values, for two VMs of different names; undefined where that is more than can be put together. */
function authorsOwn({ author, variables }: GivenRequest): Substituted[] | undefined {
  const named = (vmName: string) =>
    substituteOptions({ ...author, variables: { ...variables, VM_NAME: vmName }, vmName, nextMac: () => "" });
  try {
    return [named(variables.VM_NAME), named(`${variables.VM_NAME}~`)];
  } catch (error) {
    if (error instanceof SubstitutionTooLarge) return undefined;
    throw error;
  }
}

type Substituted = ReturnType<typeof substituteOptions>;

function isOwn(name: string, value: OptionValue, own: readonly Options[]): boolean {
  const text = reprPython(value);
  return (
    own.length > 0 &&
    own.every((options) => {
      const mine = options.get(name);
      return mine !== undefined && reprPython(mine) === text;
    })
  );
}

function placesOf(
  file: OptionFile,
  asked: Options,
  { given, author }: { given: ReadonlySet<string>; author: Options },
): GivenPlace[] {
  const declared = declaredPurposes(author);
  const secret = secretNames(author);
  return [...asked].flatMap(([name, value]): GivenPlace[] => {
    if (!given.has(name) || notOptions.has(name)) return [];
    if (file === "vm_conf.template" && (name === "kernel" || name === "ramdisk"))
      return placesIn(value, "source").map((text) => ({ file, name, purpose: "boot", text }));
    if (file === "vm_conf.template" && (plainKeys.has(name) || privilegedKeys.has(name))) return [];
    const purpose = purposeOf(name, declared) ?? (secret.has(name) ? "text" : undefined);
    if (purpose === "text") return [];
    return placesIn(value, purpose).map((text) => ({ file, name, purpose: purpose ?? "source", text }));
  });
}

/** Lists about options, and the VM's own name. */
const notOptions: ReadonlySet<string> = new Set([
  ...["name", "computed_options", "customizable_options", "secret_options", "option_purposes"],
]);
