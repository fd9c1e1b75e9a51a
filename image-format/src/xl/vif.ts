// Network entries of `vif`: read as xl reads them (`key=value`, commas between, blanks around), written by a typed writer. A value is what stands between
// two commas, so one that came from outside must hold none; what is not a known sub-key, or not of its form, is refused.

/** The sub-keys of xl-network-configuration(5), each with the form of its value. */
const subKeys: ReadonlyMap<string, RegExp> = new Map([
  ["mac", /^[0-9a-fA-F]{2}(:[0-9a-fA-F]{2}){5}$/],
  ["bridge", /^[A-Za-z0-9_.:-]{1,15}$/],
  ["gatewaydev", /^[A-Za-z0-9_.:-]{1,15}$/],
  ["type", /^(ioemu|vif)$/],
  ["model", /^[A-Za-z0-9_-]{1,32}$/],
  ["vifname", /^[A-Za-z0-9_.:-]{1,15}$/],
  ["ifname", /^[A-Za-z0-9_.:-]{1,15}$/],
  ["script", /^[A-Za-z0-9_./-]{1,255}$/],
  ["ip", /^[0-9a-fA-F.:/ ]{1,255}$/],
  ["backend", /^[A-Za-z0-9_.-]{1,63}$/],
  ["rate", /^[0-9]+[KMG]?[bB]\/s(@[0-9]+(ms|us|s))?$/],
  ["devid", /^[0-9]{1,5}$/],
  ["mtu", /^[0-9]{2,5}$/],
  ["trusted", /^[01]$/],
  ["vhost", /^[A-Za-z0-9_-]{1,16}$/],
  ["hostname", /^[A-Za-z0-9_.-]{1,255}$/],
  ["downscript", /^[A-Za-z0-9_./-]{1,255}$/],
]);

/** Sub-keys that ConVirt's editor knew for KVM and that xl does not. */
const foreignKeys: ReadonlySet<string> = new Set(["vhost", "hostname", "downscript", "ifname"]);

export type Vif = { ok: true; fields: [string, string][] } | { ok: false; problem: string };

/** Reads an entry; the fields in their order, none twice. An empty entry is a network card with defaults. */
export function parseVif(entry: string): Vif {
  const fields: [string, string][] = [];
  for (const part of entry.split(",").map((one) => one.trim())) {
    if (part === "") continue;
    const at = part.indexOf("=");
    if (at < 1) return { ok: false, problem: `"${part}" is not KEY=VALUE` };
    const key = part.slice(0, at).trim();
    const value = part.slice(at + 1).trim();
    const form = subKeys.get(key);
    if (form === undefined) return { ok: false, problem: `"${key}" is not a part of a vif` };
    if (!form.test(value)) return { ok: false, problem: `"${value}" is not a value for ${key}` };
    if (fields.some(([before]) => before === key)) return { ok: false, problem: `"${key}" stands twice` };
    fields.push([key, value]);
  }
  return { ok: true, fields };
}

/** Writes an entry for xl: its own sub-keys alone, in order. */
export function writeVif(fields: readonly (readonly [string, string])[]): string {
  return fields
    .filter(([key]) => !foreignKeys.has(key))
    .map(([key, value]) => `${key}=${value}`)
    .join(",");
}
