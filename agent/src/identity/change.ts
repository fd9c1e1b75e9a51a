// Waits for an identity that another process leaves: of a host that is not enrolled yet, and of one that is enrolled again while its agent serves.
import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { Bell } from "../disk/bell.js";
import type { Log } from "../log.js";
import { type Identity, IdentityInvalid, loadIdentity } from "./identity.js";

/** The system tells of a change; should it ever not, it is seen by then. */
const lookEveryMs = 1_000;
const lookEveryWhileServingMs = 60_000;

/**
 * The identity in the state folder as soon as one is there, and as soon as it is not `current`, which may be renewed meanwhile; undefined when the signal ends the wait.
 * Throws IdentityInvalid when what is there is none and there is no current one to go on with.
 */
export async function otherIdentity(
  stateDir: string,
  current: () => Identity | undefined,
  { log, signal }: { log: Log; signal: AbortSignal },
): Promise<Identity | undefined> {
  mkdirSync(stateDir, { recursive: true, mode: 0o750 });
  const folder = join(stateDir, "identity");
  const bell = new Bell();
  let watched = "";
  try {
    while (!signal.aborted) {
      const place = existsSync(folder) ? folder : stateDir;
      if (place !== watched) bell.watch(place);
      watched = place;
      bell.reset();
      const found = look(stateDir, current(), log);
      if (found !== undefined) return found;
      await bell.rung(current() === undefined ? lookEveryMs : lookEveryWhileServingMs, signal);
    }
    return undefined;
  } finally {
    bell.unwatch();
  }
}

function look(stateDir: string, current: Identity | undefined, log: Log): Identity | undefined {
  try {
    const found = loadIdentity(stateDir);
    return found?.certificate === current?.certificate ? undefined : found;
  } catch (error) {
    if (current === undefined || !(error instanceof IdentityInvalid)) throw error;
    log.error("the identity in the state folder cannot be used; the one before stays", { error });
    return undefined;
  }
}
