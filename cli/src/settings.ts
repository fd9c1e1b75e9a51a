// What the command line remembers between two calls: one controller's address, a token for it, and the authority that its certificate is checked by.
// Precedence, highest first: options on the command line, environment (CONVIRT_SERVER, CONVIRT_TOKEN, CONVIRT_CA_FILE), the file that `convirt login` wrote.
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import * as z from "zod";
import { CommandFailed, exitCodes } from "./exit.js";

const saved = z.object({
  server: z.string(),
  token: z.string(),
  tokenId: z.string().optional(),
  ca: z.string().optional(),
});
export type Saved = z.infer<typeof saved>;

export interface Settings {
  server: string;
  token?: string;
  /** PEM of the authority that signed the controller's certificate, when it is not one of the system's. */
  ca?: string;
}

export const defaultServer = "http://127.0.0.1:8080";

export function settingsPath(): string {
  const base = process.env["XDG_CONFIG_HOME"] || join(homedir(), ".config");
  return join(base, "convirt", "login.json");
}

export function loadSaved(): Saved | undefined {
  let text: string;
  try {
    text = readFileSync(settingsPath(), "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
  const parsed = saved.safeParse(parseJson(text));
  if (!parsed.success) {
    throw new CommandFailed(
      exitCodes.usage,
      `Cannot read ${settingsPath()}: it is not what \`convirt login\` writes. Remove it and sign in again.`,
    );
  }
  return parsed.data;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Written for the owner's eyes alone, whole or not at all. */
export function save(settings: Saved): void {
  const path = settingsPath();
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const temporary = `${path}.${process.pid}`;
  writeFileSync(temporary, `${JSON.stringify(settings, null, 2)}\n`, { mode: 0o600 });
  renameSync(temporary, path);
}

export function forget(): void {
  rmSync(settingsPath(), { force: true });
}

/** The settings that a command works with, from all three places. A saved token is never sent to another server than the one that gave it. */
export function currentSettings(flags: { server?: string | undefined }): Settings {
  const file = loadSaved();
  const server = address(flags.server ?? process.env["CONVIRT_SERVER"] ?? file?.server ?? defaultServer);
  const sameServer = file !== undefined && file.server === server;
  const token = process.env["CONVIRT_TOKEN"] ?? (sameServer ? file.token : undefined);
  const ca = namedAuthority() ?? (sameServer ? file.ca : undefined);
  return { server, ...(token === undefined ? {} : { token }), ...(ca === undefined ? {} : { ca }) };
}

/** PEM of the authority that CONVIRT_CA_FILE names: it is taken as it is. */
export function namedAuthority(): string | undefined {
  const file = process.env["CONVIRT_CA_FILE"];
  return file ? readFileSync(file, "utf8") : undefined;
}

/** A controller's address as it is kept and compared: scheme, name and port alone. */
function address(given: string): string {
  const url = URL.canParse(given) ? new URL(given) : undefined;
  const isPlain = url !== undefined && ["http:", "https:"].includes(url.protocol) && url.username === "";
  if (!isPlain || url.pathname !== "/" || url.search !== "" || url.hash !== "")
    throw new CommandFailed(
      exitCodes.usage,
      `Cannot use "${given}" as the controller's address: it must be http://HOST:PORT or https://HOST:PORT.`,
    );
  return url.origin;
}

/** The password for `convirt login` without a terminal. */
export function passwordFromEnvironment(): string | undefined {
  return process.env["CONVIRT_PASSWORD"];
}

/** The editor of `convirt image edit`, by the usual two variables. */
export function editor(): string {
  return process.env["VISUAL"] || process.env["EDITOR"] || "vi";
}

/** NO_COLOR, however it is set, and a terminal that says it can do nothing, want none. */
export function wantsColour(): boolean {
  return !process.env["NO_COLOR"] && process.env["TERM"] !== "dumb";
}
