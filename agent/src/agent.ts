// Puts a running agent together: settings, identity, toolstack, inventory, staging, provisioning, and the gRPC server over them; and takes it apart again.
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { DomainServiceService } from "@convirt/proto/domain";
import { decodeUpload } from "@convirt/proto/frames";
import { HostServiceService } from "@convirt/proto/host";
import { ProvisionServiceService } from "@convirt/proto/provision";
import { StagingServiceService } from "@convirt/proto/staging";
import { Server } from "@grpc/grpc-js";
import type { AgentConfig } from "./config/config.js";
import { lockState } from "./disk/lock.js";
import { CannotStart } from "./errors/errors.js";
import { lacking } from "./host/check.js";
import { gatherFacts } from "./host/facts.js";
import { Inventory } from "./host/inventory.js";
import type { Identity } from "./identity/identity.js";
import { KeptSecrets } from "./leftovers/kept-secrets.js";
import type { Log } from "./log.js";
import { plainEnvironment } from "./process/run.js";
import { Provisioner } from "./provision/provisioner.js";
import { domainService } from "./server/domain-service.js";
import { Handlers } from "./server/handlers.js";
import { hostService } from "./server/host-service.js";
import { Listener } from "./server/listener.js";
import { uploadConnections } from "./server/upload-connection.js";
import { Staging } from "./staging/staging.js";
import { chooseToolstack, Driver, type DriverOptions } from "./toolstack/driver.js";

/** Waits for calls under way when the agent stops; scripts are not among them, they go on. */
const stopLimitMs = 5_000;

/** Both ends ping: a link that is half open is found within 40 s, and a host that is so busy that it answers late is not given up. */
const channelOptions = {
  "grpc.keepalive_time_ms": 20_000,
  "grpc.keepalive_timeout_ms": 20_000,
  "grpc.keepalive_permit_without_calls": 1,
  "grpc.http2.min_ping_interval_without_data_ms": 5_000,
  "grpc.max_receive_message_length": 4 * 1024 * 1024,
  "grpc.max_concurrent_streams": 200,
};

export interface AgentRequest {
  config: AgentConfig;
  identity: Identity;
  log: Log;
  version: string;
  /** A program by which scripts reach `config-to-shell`. */
  command: string;
  useScopes: boolean;
}

export interface RunningAgent {
  /** The port on which gRPC is served. */
  port: number;
  /** As it was last renewed. */
  identity(): Identity;
  stop(): Promise<void>;
}

export async function startAgent(request: AgentRequest): Promise<RunningAgent> {
  const { config } = request;
  for (const folder of [config.storeDir, config.logDir, join(config.stateDir, "jobs")])
    mkdirSync(folder, { recursive: true, mode: 0o750 });
  const chosen = chooseToolstack(config.toolstack, plainEnvironment["PATH"] ?? "");
  if (chosen === undefined) throw new CannotStart("There is neither xl nor xm on this host; see `convirt-agent check`");
  // Before anything looks at what lies in the state folder.
  const unlock = await lockState(config.stateDir);
  try {
    const agent = await serve(request, chosen);
    return { ...agent, stop: () => agent.stop().finally(unlock) };
  } catch (error) {
    unlock();
    throw error;
  }
}

async function serve(request: AgentRequest, chosen: Pick<DriverOptions, "program" | "name">): Promise<RunningAgent> {
  const { config, log } = request;
  const toolstack = new Driver({
    ...chosen,
    environment: plainEnvironment,
    creates: config.concurrency.creates,
    scopes: request.useScopes,
  });
  const inventory = new Inventory(toolstack, log);
  const handlers = new Handlers(log);
  const staging = new Staging({ config, log, handlers });
  const secrets = new KeptSecrets(config.stateDir);
  const provisioner = new Provisioner({
    config,
    toolstack,
    inventory,
    staging,
    secrets,
    log,
    handlers,
    agentCommand: request.command,
    useScopes: request.useScopes,
  });
  const identity = { current: request.identity };
  const problems = await lacking(config);
  const facts = async () =>
    gatherFacts({
      config,
      toolstack: toolstack.name,
      answered: inventory.facts,
      problems: problems.map((one) => `${one.what}. ${one.advice}`),
    });

  const server = new Server(channelOptions);
  const listener = new Listener(request.identity, server, uploadConnections({ handlers, staging }), log);
  const upload = { ...StagingServiceService.upload, requestDeserialize: decodeUpload };
  server.addService(
    { ...StagingServiceService, upload },
    staging.service((tree) => provisioner.userOf(tree)),
  );
  server.addService(ProvisionServiceService, provisioner.service());
  server.addService(DomainServiceService, domainService({ handlers, toolstack, inventory, secrets, config }));
  server.addService(
    HostServiceService,
    hostService({
      handlers,
      inventory,
      facts,
      agentVersion: request.version,
      storeDir: config.storeDir,
      stateDir: config.stateDir,
      runningJobs: () => provisioner.runningJobs(),
      identity,
      listener,
    }),
  );
  inventory.start();
  // Whoever can connect finds all jobs there already: an agent that did not know one would be taken to have lost it.
  await Promise.all([staging.sweep(), provisioner.recover()]);
  const port = await listener.listen(config.listen).catch(async (error: unknown) => {
    inventory.stop();
    await provisioner.close();
    throw error;
  });
  return {
    port,
    identity: () => identity.current,
    stop: () => stop({ server, listener, handlers, inventory, staging, provisioner }),
  };
}

interface Parts {
  server: Server;
  listener: Listener;
  handlers: Handlers;
  inventory: Inventory;
  staging: Staging;
  provisioner: Provisioner;
}

async function stop({ server, listener, handlers, inventory, staging, provisioner }: Parts): Promise<void> {
  listener.refuse();
  handlers.endStreams();
  await Promise.race([
    new Promise<void>((resolve) => server.tryShutdown(() => resolve())),
    new Promise<void>((resolve) => setTimeout(resolve, stopLimitMs).unref()),
  ]);
  server.forceShutdown();
  listener.close();
  inventory.stop();
  await staging.close();
  await provisioner.close();
}
