// Reads the agent's settings: one schema with a sentence per field, all problems reported together, the result frozen.
import { existsSync, readFileSync } from "node:fs";
import { parse } from "smol-toml";
import * as z from "zod";
import type { AgentConfig } from "./config.js";

export const defaultConfigFile = "/etc/convirt/agent.toml";

const absolute = z.string().regex(/^\/[^\0]*$/, "must be an absolute path");
const endpoint = z.string().regex(/^\[?[A-Za-z0-9_.:-]*\]?:[0-9]{1,5}$/, "must be HOST:PORT");

/** The file's fields. In the environment the same, upper-case, with `CONVIRT_AGENT_` in front and `_` between levels; lists with commas. */
export const configSchema = z.strictObject({
  listen: endpoint.default("0.0.0.0:8445").describe("where gRPC is served; port 0 takes a free one"),
  advertise: z
    .string()
    .default("")
    .describe("host:port that the controller is told to call; empty: the host's name and the port of listen"),
  store: absolute.default("/var/cache/convirt/image_store").describe("the image store on this host"),
  logs: absolute.default("/var/log/convirt").describe("logs of provision scripts, by image"),
  state: absolute.default("/var/lib/convirt").describe("identity, journal, staged trees"),
  console_logs: absolute
    .default("/var/log/xen/console")
    .describe("where xenconsoled keeps guests' consoles (its --log-dir)"),
  toolstack: z.string().default("auto").describe("auto, xl, xm, or the path of a program that answers to one of them"),
  default_bridge: z
    .string()
    .regex(/^[A-Za-z0-9_.:-]{0,15}$/)
    .default("")
    .describe("bridge for network cards that name none; empty: one that is found"),
  scopes: z
    .enum(["auto", "never"])
    .default("auto")
    .describe("whether runners and domains get systemd scopes of their own"),
  log_level: z.enum(["debug", "info", "warn", "error"]).default("info").describe("least weight of what is logged"),
  concurrency: z
    .strictObject({
      jobs: z.coerce.number().int().min(1).max(64).default(2).describe("provision scripts at once"),
      creates: z.coerce.number().int().min(1).max(16).default(1).describe("`xl create` calls at once"),
    })
    .prefault({}),
  limits: z
    .strictObject({
      log_mib: z.coerce
        .number()
        .int()
        .min(1)
        .max(65_536)
        .default(64)
        .describe("MiB at which the log of a job is cut; the script goes on"),
      stop_grace_s: z.coerce
        .number()
        .int()
        .min(1)
        .max(3600)
        .default(10)
        .describe("seconds that a script has to stop in when it is told to, before it is killed"),
      staging_s: z.coerce
        .number()
        .int()
        .min(60)
        .max(604_800)
        .default(6 * 3600)
        .describe("seconds that a job waits for its image's files, before it fails"),
    })
    .prefault({}),
  policy: z
    .strictObject({
      disk_roots: z
        .array(absolute)
        .default(["/var/cache/convirt", "/var/lib/xen/images", "/srv/xen", "/vm_disks"])
        .describe("folders, and /dev/<volume group>, under which disks may be made and removed"),
      longest_script_s: z.coerce
        .number()
        .int()
        .min(1)
        .max(604_800)
        .default(3600)
        .describe("seconds after which a script is ended whatever the image says"),
      forbidden_keys: z
        .array(z.string())
        .default([])
        .describe("keys of a VM configuration that are refused on this host"),
    })
    .prefault({}),
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
    for (const key of Object.keys(configSchema.shape[group].unwrap().shape)) {
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
