// Reads the agent's settings: one schema with a sentence per field, all problems reported together, the result frozen.
import { existsSync, readFileSync } from "node:fs";
import { parse } from "smol-toml";
import { en } from "zod/locales";
import * as z from "zod/mini";
import type { AgentConfig } from "./config.js";

/** What zod finds is said in words; its small build has none of its own. */
z.config(en());

export const defaultConfigFile = "/etc/convirt/agent.toml";

const absolute = z.string().check(z.regex(/^\/[^\0]*$/, "must be an absolute path"));
const endpoint = z.string().check(z.regex(/^\[?[A-Za-z0-9_.:-]*\]?:[0-9]{1,5}$/, "must be HOST:PORT"));
const whole = (least: number, most: number) => z.coerce.number().check(z.int(), z.gte(least), z.lte(most));

/** A setting: what it must be, what it is where nobody says, and what it is for. */
function setting<T extends z.ZodMiniType>(schema: T, usual: z.core.util.NoUndefined<z.output<T>>, what: string) {
  return z._default(schema, usual).check(z.describe(what));
}

/** Of the file's fields those that stand in tables. */
export const configGroups = {
  concurrency: z.strictObject({
    jobs: setting(whole(1, 64), 2, "provision scripts at once"),
    creates: setting(whole(1, 16), 1, "`xl create` calls at once"),
  }),
  limits: z.strictObject({
    log_mib: setting(whole(1, 65_536), 64, "MiB at which the log of a job is cut; the script goes on"),
    stop_grace_s: setting(
      whole(1, 3600),
      10,
      "seconds that a script has to stop in when it is told to, before it is killed",
    ),
    staging_s: setting(whole(60, 604_800), 6 * 3600, "seconds that a job waits for its image's files, before it fails"),
  }),
  policy: z.strictObject({
    disk_roots: setting(
      z.array(absolute),
      ["/var/cache/convirt", "/var/lib/xen/images", "/srv/xen", "/vm_disks"],
      "folders, and /dev/<volume group>, under which disks may be made and removed",
    ),
    longest_script_s: setting(whole(1, 604_800), 3600, "seconds after which a script is ended whatever the image says"),
    forbidden_keys: setting(z.array(z.string()), [], "keys of a VM configuration that are refused on this host"),
  }),
};

/** The file's fields. In the environment the same, upper-case, with `CONVIRT_AGENT_` in front and `_` between levels; lists with commas. */
export const configSchema = z.strictObject({
  listen: setting(endpoint, "0.0.0.0:8445", "where gRPC is served; port 0 takes a free one"),
  advertise: setting(
    z.string(),
    "",
    "host:port that the controller is told to call; empty: the host's name and the port of listen",
  ),
  store: setting(absolute, "/var/cache/convirt/image_store", "the image store on this host"),
  logs: setting(absolute, "/var/log/convirt", "logs of provision scripts, by image"),
  state: setting(absolute, "/var/lib/convirt", "identity, journal, staged trees"),
  console_logs: setting(absolute, "/var/log/xen/console", "where xenconsoled keeps guests' consoles (its --log-dir)"),
  toolstack: setting(z.string(), "auto", "auto, xl, xm, or the path of a program that answers to one of them"),
  default_bridge: setting(
    z.string().check(z.regex(/^[A-Za-z0-9_.:-]{0,15}$/)),
    "",
    "bridge for network cards that name none; empty: one that is found",
  ),
  scopes: setting(z.enum(["auto", "never"]), "auto", "whether runners and domains get systemd scopes of their own"),
  log_level: setting(z.enum(["debug", "info", "warn", "error"]), "info", "least weight of what is logged"),
  concurrency: z.prefault(configGroups.concurrency, {}),
  limits: z.prefault(configGroups.limits, {}),
  policy: z.prefault(configGroups.policy, {}),
});

/** Thrown with every problem at once; the caller prints the message and ends with 2. */
export class ConfigInvalid extends Error {
  override readonly name = "ConfigInvalid";
}

/** `file`: what `--config` or CONVIRT_AGENT_CONFIG names; the default one may be absent, a named one may not. */
export function loadConfig(environment: Readonly<Record<string, string | undefined>>, file?: string): AgentConfig {
  const named = file ?? environment["CONVIRT_AGENT_CONFIG"];
  const path = named ?? defaultConfigFile;
  const fromFile = named !== undefined || existsSync(path) ? readToml(path) : {};
  const parsed = configSchema.safeParse(merge(fromFile, fromEnvironment(environment)));
  if (!parsed.success) {
    const lines = parsed.error.issues.map((issue) => `  ${issue.path.join(".") || "(file)"}: ${issue.message}`);
    throw new ConfigInvalid(`Cannot use the settings of ${path} and the environment:\n${lines.join("\n")}`);
  }
  const c = parsed.data;
  return Object.freeze({
    listen: c.listen,
    advertise: c.advertise,
    storeDir: c.store,
    logDir: c.logs,
    stateDir: c.state,
    consoleLogDir: c.console_logs,
    toolstack: c.toolstack,
    defaultBridge: c.default_bridge,
    concurrency: c.concurrency,
    policy: {
      diskRoots: c.policy.disk_roots,
      longestScriptMs: c.policy.longest_script_s * 1000,
      forbiddenKeys: c.policy.forbidden_keys,
    },
    limits: {
      logMib: c.limits.log_mib,
      stopGraceMs: c.limits.stop_grace_s * 1000,
      stagingMs: c.limits.staging_s * 1000,
    },
    scopes: c.scopes,
    logLevel: c.log_level,
  });
}

type Fields = Record<string, unknown>;

function readToml(path: string): Fields {
  try {
    return parse(readFileSync(path, "utf8")) as Fields;
  } catch (error) {
    throw new ConfigInvalid(
      `Cannot read the settings in ${path}: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
}

function fromEnvironment(environment: Readonly<Record<string, string | undefined>>): Fields {
  const fields: Fields = {};
  for (const key of Object.keys(configSchema.shape)) {
    const value = environment[`CONVIRT_AGENT_${key.toUpperCase()}`];
    if (value !== undefined) fields[key] = value;
  }
  for (const group of ["concurrency", "limits", "policy"] as const) {
    for (const key of Object.keys(configGroups[group].shape)) {
      const value = environment[`CONVIRT_AGENT_${group.toUpperCase()}_${key.toUpperCase()}`];
      if (value === undefined) continue;
      const isList = key === "disk_roots" || key === "forbidden_keys";
      fields[group] = {
        ...(fields[group] as Fields | undefined),
        [key]: isList ? value.split(",").filter(Boolean) : value,
      };
    }
  }
  return fields;
}

function merge(low: Fields, high: Fields): Fields {
  const merged: Fields = { ...low };
  for (const [key, value] of Object.entries(high)) {
    const before = merged[key];
    merged[key] = isFields(before) && isFields(value) ? merge(before, value) : value;
  }
  return merged;
}

function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
