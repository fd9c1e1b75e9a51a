// `convirt-agent run`: waits until this host is enrolled, serves, serves anew when it is enrolled again, and stops in order when it is told to.
import { existsSync } from "node:fs";
import { startAgent } from "./agent.js";
import type { AgentConfig } from "./config/config.js";
import { otherIdentity } from "./identity/change.js";
import { type Identity, loadIdentity, timeTrouble } from "./identity/identity.js";
import { createLog, type Log } from "./log.js";
import { tidyMemory } from "./process/memory.js";
import { createNotifier, type Notifier } from "./systemd/notify.js";
import { version } from "./version.js";

export interface RunRequest {
  /** Read again whenever the agent begins to serve: between its start and its enrolment a person has settled the host. */
  settings: () => AgentConfig;
  environment: Readonly<Record<string, string | undefined>>;
  /** A program by which scripts reach `config-to-shell`. */
  command: string;
}

interface Running extends RunRequest {
  log: Log;
  notifier: Notifier;
  signal: AbortSignal;
}

/** Resolves when the agent was told to stop and has. Throws what it cannot start with: ConfigInvalid, IdentityInvalid, CannotStart. */
export async function runAgent(request: RunRequest): Promise<void> {
  const { stateDir, logLevel } = request.settings();
  const log = createLog(logLevel);
  const notifier = createNotifier(request.environment);
  const stopTidying = tidyMemory();
  const told = new AbortController();
  const stop = (signal: string) => {
    if (told.signal.aborted) return;
    log.info("stopping; scripts under way go on", { signal });
    notifier.stop();
    told.abort();
  };
  process.on("SIGTERM", () => stop("SIGTERM"));
  process.on("SIGINT", () => stop("SIGINT"));
  const running = { ...request, log, notifier, signal: told.signal };
  try {
    let identity = loadIdentity(stateDir) ?? (await enrolled(stateDir, running));
    while (identity !== undefined) identity = await serve(identity, running);
  } finally {
    stopTidying();
    notifier.stop();
  }
}

async function enrolled(stateDir: string, { log, notifier, signal }: Running): Promise<Identity | undefined> {
  const identity = otherIdentity(stateDir, () => undefined, { log, signal });
  log.warn(
    "This host is not enrolled yet: make an invitation with `convirt host invite NAME`, and give it to `convirt-agent enrol`. The agent waits for it",
  );
  await notifier.ready("This host is not enrolled yet: waits for convirt-agent enrol");
  return await identity;
}

/** Until it is told to stop; the identity to go on with when the host is enrolled again. */
async function serve(identity: Identity, running: Running): Promise<Identity | undefined> {
  const { log, notifier, signal, command } = running;
  const config = running.settings();
  const trouble = timeTrouble(identity);
  if (trouble !== undefined) log.error(`${trouble}: the controller cannot be spoken to until that is mended`);
  const useScopes = config.scopes === "auto" && existsSync("/run/systemd/system") && process.getuid?.() === 0;
  const agent = await startAgent({ config, identity, log, version, command, useScopes });
  try {
    log.info("ready", { host: identity.host, hostId: identity.hostId, port: agent.port, version });
    await notifier.ready(`Serves the controller as ${identity.host} on port ${agent.port}`);
    const next = await otherIdentity(config.stateDir, agent.identity, { log, signal });
    if (next !== undefined)
      log.info("this host was enrolled again; serving anew", { host: next.host, hostId: next.hostId });
    return next;
  } finally {
    await agent.stop();
  }
}
