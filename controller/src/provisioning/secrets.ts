// The secret values of a request: taken out of it before anything is stored or shown, and sealed for as long as the job needs them.
import type { ProvisionBody } from "@convirt/contract/job";
import { evaluate } from "@convirt/image-format/evaluate";
import { hiddenSecret, hideSecrets, secretNames, shortestSecret, textsIn } from "@convirt/image-format/secrets";
import type { Options, OptionValue, Value } from "@convirt/image-format/value";
import { Injectable } from "@nestjs/common";
import { Authority } from "../config/authority.js";
import { Seal } from "../config/seal.js";
import { Refusal } from "../errors/refusal.js";

/** Names of options, by file. */
export interface SecretNames {
  imageConf: string[];
  vmConf: string[];
}

/** What goes to the host and nowhere else. */
export interface Sealed {
  imageConf: string;
  vmConf: string;
  secrets: string[];
}

@Injectable()
export class JobSecrets {
  private readonly seal: Seal;

  constructor(authority: Authority) {
    this.seal = new Seal(authority.keyFor("secrets of jobs"));
  }

  close(sealed: Sealed): string {
    return this.seal.close(JSON.stringify(sealed));
  }

  open(text: string): Sealed {
    return JSON.parse(this.seal.open(text)) as Sealed;
  }
}

/** Of an image's two files, read as they are; one that cannot be read declares nothing. */
export function declaredSecrets(files: { imageConf: string; vmConf: string }): SecretNames {
  const names = (source: string, file: "image.conf" | "vm_conf.template") => {
    const evaluated = evaluate(source, { file, predefined: file === "image.conf" ? "image_conf" : "vm_conf" });
    return evaluated.ok ? [...secretNames(evaluated.options)] : [];
  };
  return { imageConf: names(files.imageConf, "image.conf"), vmConf: names(files.vmConf, "vm_conf.template") };
}

const files = ["imageConf", "vmConf"] as const;

/** The request without the values of secret options, which of them it gave, and the values as texts. */
export function withoutSecrets(
  body: ProvisionBody,
  declared: SecretNames,
): { body: ProvisionBody; given: SecretNames; values: string[] } {
  const given: SecretNames = { imageConf: [], vmConf: [] };
  const values: string[] = [];
  const left = { ...body };
  for (const file of files) {
    const own = Object.entries(body[file]);
    const isSecret = ([name]: [string, unknown]) => declared[file].includes(name);
    given[file] = own.filter(isSecret).map(([name]) => name);
    values.push(...own.filter(isSecret).flatMap(([, value]) => textsIn(value)));
    left[file] = Object.fromEntries(own.filter((entry) => !isSecret(entry)));
  }
  return { body: left, given, values };
}

/** Throws Refusal option_invalid for a secret that is too short to be kept one. */
export function requireLength(body: ProvisionBody, declared: SecretNames): void {
  for (const file of files)
    for (const [name, value] of Object.entries(body[file]))
      if (declared[file].includes(name) && textsIn(value).some((text) => text !== "" && text.length < shortestSecret))
        throw new Refusal(
          "option_invalid",
          `Cannot provision VM "${body.vm}": option "${name}" is secret, and takes ${shortestSecret} characters or more: a shorter one could not be told from the rest of a log`,
          { fields: [{ path: name, message: `takes ${shortestSecret} characters or more` }] },
        );
}

/** The values of secret options as they will be on the host, the image's own too. */
export function valuesOf(options: Options, names: readonly string[]): string[] {
  return names.flatMap((name) => textsIn(options.get(name))).filter((text) => text.length >= shortestSecret);
}

/** The options as they may be shown: secret ones hidden, and their values wherever else they were put. */
export function hidden(options: Options, names: readonly string[], secrets: readonly string[]): Options {
  const clean = (value: Value): Value => {
    if (typeof value === "string") return hideSecrets(value, secrets);
    if (Array.isArray(value)) return value.map(clean);
    return value instanceof Map ? new Map([...value].map(([key, one]) => [key, clean(one)])) : value;
  };
  return new Map(
    [...options].map(([name, value]) => [
      name,
      names.includes(name) && value !== "" ? hiddenSecret : (clean(value) as OptionValue),
    ]),
  );
}
