// The controller's settings: one schema with a sentence and a unit per field, read once at start, all problems reported together, the result frozen.
// Precedence, highest first: environment (CONVIRT_HTTP_LISTEN for http.listen, and so on), the file (/etc/convirt/controller.toml, or the one that
// CONVIRT_CONFIG names), the default.
import { existsSync, readFileSync } from "node:fs";
import { hostname } from "node:os";
import { validate } from "node-cron";
import { parse } from "smol-toml";
import * as z from "zod";

export const defaultConfigFile = "/etc/convirt/controller.toml";

const endpoint = z.string().regex(/^\[?[A-Za-z0-9_.:-]*\]?:[0-9]{1,5}$/, "must be HOST:PORT");
const absolute = z.string().regex(/^\/[^\0]*$/, "must be an absolute path");

function isLoopback(listen: string): boolean {
  const host = listen.slice(0, listen.lastIndexOf(":")).replace(/^\[|\]$/g, "");
  return /^(localhost|127(\.\d{1,3}){3}|::1)$/.test(host);
}

/** Nothing, https, or plain http on this machine. */
function isSafeUrl(text: string): boolean {
  if (text === "") return true;
  if (!URL.canParse(text)) return false;
  const { protocol, hostname } = new URL(text);
  return protocol === "https:" || (protocol === "http:" && /^(localhost|127(\.\d+){3}|\[::1\])$/.test(hostname));
}

export const configSchema = z.strictObject({
  data_dir: absolute.default("/var/lib/convirt").describe("database, authority and keys"),
  http: z
    .strictObject({
      listen: endpoint
        .default("127.0.0.1:8080")
        .describe("plain HTTP, for this machine and for a proxy in front; port 0 takes a free one"),
      streams: z.coerce.number().int().min(1).max(100_000).default(1000).describe("streams of events open at once"),
      streams_per_user: z.coerce
        .number()
        .int()
        .min(1)
        .max(100_000)
        .default(200)
        .describe("streams of events that one user may have open at once"),
      anywhere: z
        .stringbool()
        .or(z.boolean())
        .default(false)
        .describe(
          "listen beyond this machine all the same: in a container, whose port is published on its host's loopback",
        ),
    })
    .prefault({})
    .refine(({ listen, anywhere }) => anywhere || isLoopback(listen), {
      path: ["listen"],
      error: "must be an address of this machine's own, such as 127.0.0.1: what is not encrypted stays here",
    }),
  https: z
    .strictObject({
      listen: endpoint
        .default("0.0.0.0:8443")
        .describe("HTTPS with a certificate of the controller's own authority: the API, and the enrolment of hosts"),
      advertise: z
        .string()
        .default("")
        .describe("host or host:port under which hosts reach it; empty: this machine's name"),
    })
    .prefault({}),
  web: z
    .strictObject({
      listen: endpoint
        .or(z.literal(""))
        .default("")
        .describe("HTTPS with a certificate of your own, for people; empty: they use https.listen"),
      certificate_file: z.string().default("").describe("PEM: the certificate, and those between it and its authority"),
      key_file: z.string().default("").describe("PEM: its key"),
    })
    .prefault({})
    .refine(
      ({ listen, certificate_file, key_file }) => listen === "" || (certificate_file !== "" && key_file !== ""),
      "with listen, certificate_file and key_file are wanted",
    ),
  store: z
    .strictObject({
      dir: absolute.default("/var/cache/convirt/image_store").describe("the image store"),
      shipped_dir: z.string().default("").describe("the store as shipped, for `import --modernise`; empty: none"),
    })
    .prefault({}),
  auth: z
    .strictObject({
      admin_password_file: z
        .string()
        .default("")
        .describe(
          "file with the first password of admin; a random one is written to it if it is not there; empty: a random one, shown once",
        ),
      session_hours: z.coerce.number().min(0.1).max(720).default(12).describe("hours that a sign-in lasts"),
    })
    .prefault({}),
  oidc: z
    .strictObject({
      issuer: z
        .string()
        .default("")
        .refine(isSafeUrl, "must be https, or http on this machine")
        .describe("signing in by OpenID Connect: the provider's address; empty: none"),
      client_id: z.string().default("").describe("what the provider knows this controller as"),
      client_secret_file: z.string().default("").describe("file with the secret that the provider gave"),
      public_url: z
        .string()
        .default("")
        .refine(isSafeUrl, "must be https, or http on this machine")
        .describe(
          "address of the pages as people open them; the provider sends them back to PUBLIC_URL/api/v1/session/oidc/callback",
        ),
      name: z.string().max(40).default("single sign-on").describe("what the button says behind `Sign in by`"),
      scope: z.string().default("openid profile").describe("what the provider is asked for"),
      username_claim: z.string().default("preferred_username").describe("the claim that names the user"),
      groups_claim: z.string().default("groups").describe("the claim that lists the user's groups"),
    })
    .prefault({})
    .refine(
      ({ issuer, client_id, client_secret_file, public_url }) =>
        issuer === "" || [client_id, client_secret_file, public_url].every((one) => one !== ""),
      "with an issuer, client_id, client_secret_file and public_url are wanted",
    ),
  provisioning: z
    .strictObject({
      jobs_per_host: z.coerce.number().int().min(1).max(64).default(2).describe("jobs under way at once on a host"),
    })
    .prefault({}),
  audit: z
    .strictObject({
      keep_days: z.coerce
        .number()
        .int()
        .min(0)
        .max(36_500)
        .default(0)
        .describe("days that records of the audit are kept, the newest thousand longer; 0: for ever"),
    })
    .prefault({}),
  backup: z
    .strictObject({
      schedule: z
        .string()
        .default("30 2 * * *")
        .refine((text) => text === "" || validate(text), "must be five fields as in cron, or empty")
        .describe(
          "when the database is copied: five fields as in cron, by this machine's clock; empty: never by itself",
        ),
      dir: z.string().default("").describe("folder of the copies; empty: `backups` in the data folder"),
      keep_days: z.coerce.number().int().min(1).max(3650).default(7).describe("days that a copy is kept"),
    })
    .prefault({}),
  log: z
    .strictObject({
      level: z
        .enum(["debug", "info", "warn", "error", "silent"])
        .default("info")
        .describe("least weight of what is logged"),
    })
    .prefault({}),
});

/** Where the settings came from: the file that was read, if one was, and of each key that was given (`http.listen`) by what. */
export interface Origin {
  readonly file: string | null;
  readonly given: Readonly<Record<string, "file" | "environment">>;
}

export type Config = Readonly<z.output<typeof configSchema>> & { readonly advertise: string; readonly origin: Origin };

/** Injection token of Config. */
export const CONFIG = Symbol("CONFIG");

/** Thrown with every problem at once. */
export class ConfigInvalid extends Error {
  override readonly name = "ConfigInvalid";
}

type Fields = Record<string, unknown>;

/** Reads the settings. Throws ConfigInvalid. */
export function loadConfig(environment: Readonly<Record<string, string | undefined>>): Config {
  const named = environment["CONVIRT_CONFIG"];
  const path = named ?? defaultConfigFile;
  const isRead = named !== undefined || existsSync(path);
  const file = isRead ? readToml(path) : {};
  const variables = fromEnvironment(environment);
  const parsed = configSchema.safeParse(merge(file, variables));
  if (!parsed.success) {
    const lines = parsed.error.issues.map((issue) => `  ${issue.path.join(".") || "(file)"}: ${issue.message}`);
    throw new ConfigInvalid(`Cannot use the settings of ${path} and the environment:\n${lines.join("\n")}`);
  }
  for (const group of Object.values(parsed.data)) Object.freeze(group);
  const origin = {
    file: isRead ? path : null,
    given: { ...keysOf(file, "file"), ...keysOf(variables, "environment") },
  };
  return Object.freeze({ ...parsed.data, advertise: parsed.data.https.advertise || hostname(), origin });
}

/** The variable that sets the key: CONVIRT_HTTP_LISTEN for http.listen. */
export function variableOf(key: string): string {
  return `CONVIRT_${key.replace(".", "_")}`.toUpperCase();
}

/** Each key in the fields, as `http.listen`, with what gave it. */
function keysOf(fields: Fields, by: "file" | "environment"): Origin["given"] {
  const keys = Object.entries(fields).flatMap(([name, value]) =>
    isFields(value) ? Object.keys(value).map((key) => `${name}.${key}`) : [name],
  );
  return Object.fromEntries(keys.map((key) => [key, by]));
}

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
  if (environment["CONVIRT_DATA_DIR"] !== undefined) fields["data_dir"] = environment["CONVIRT_DATA_DIR"];
  for (const [group, schema] of Object.entries(configSchema.shape)) {
    if (!(schema instanceof z.ZodPrefault)) continue;
    for (const key of Object.keys((schema.unwrap() as z.ZodObject).shape)) {
      const value = environment[variableOf(`${group}.${key}`)];
      if (value !== undefined) fields[group] = { ...(fields[group] as Fields | undefined), [key]: value };
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
