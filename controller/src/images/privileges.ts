// An image's settings that reach into hosts take the role raw_config, whichever way they come in: saved, edited, imported or copied.
import { type PrivilegedSetting, privilegesGained } from "@convirt/image-format/privileges";
import { Refusal } from "../errors/refusal.js";

/** Who changes an image, and whether they may let it reach into hosts. */
export interface Author {
  username: string;
  mayReachHosts: boolean;
}

interface Sources {
  imageConf: string;
  vmConf: string;
}

/** Throws Refusal option_privileged when the image would have what reaches into hosts and did not before, by an author who may not give it that. */
export function requirePrivileges(image: string, by: Author, after: Sources, before?: Sources): void {
  if (by.mayReachHosts) return;
  const gained = privilegesGained(before, after);
  if (gained.length === 0) return;
  const names = [...new Set(gained.map(({ name }: PrivilegedSetting) => name))];
  const fields = names.map((name) => ({ path: `vm_conf.template.${name}`, message: "reaches into hosts" }));
  const what = names.map((name) => `"${name}"`).join(", ");
  throw new Refusal(
    "option_privileged",
    `Cannot write image "${image}": it would set ${what}, which reaches into hosts; that takes the role raw_config for the image`,
    { fields },
  );
}
