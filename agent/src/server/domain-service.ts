// DomainService: acts on the domain of one VM. The domain's id is looked up by name and uuid just before each act, one act at a time per VM; wishes that hold
// already are fulfilled. Removing deletes what is the VM's own, and only within the folders that root on this host allows.
import { existsSync } from "node:fs";
import { lstat, readFile, realpath, rm } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import { flattenXlOptions, parseXlConfig } from "@convirt/image-format/xl/config";
import { parseXlDisk } from "@convirt/image-format/xl/disk";
import {
  Action,
  type ActReply,
  type ActRequest,
  type DomainServiceServer,
  type RemoveReply,
  type RemoveRequest,
} from "@convirt/proto/domain";
import { Refusal } from "../errors/errors.js";
import type { Inventory } from "../host/inventory.js";
import { Limiter } from "../process/limiter.js";
import { run } from "../process/run.js";
import { type Domain, type Toolstack, ToolstackError } from "../toolstack/toolstack.js";
import type { Handlers } from "./handlers.js";

export interface DomainServiceDependencies {
  handlers: Handlers;
  toolstack: Toolstack;
  inventory: Inventory;
  diskRoots: readonly string[];
}

const goneLimitMs = 30_000;
const lvmLimitMs = 60_000;

export function domainService(deps: DomainServiceDependencies): DomainServiceServer {
  const turns = new Map<string, Limiter>();
  const inTurn = async <T>(name: string, signal: AbortSignal, work: () => Promise<T>): Promise<T> => {
    const turn = turns.get(name) ?? new Limiter(1);
    turns.set(name, turn);
    try {
      return await turn.run(signal, work);
    } catch (error) {
      throw error instanceof ToolstackError ? new Refusal("toolstack_refused", error.message) : error;
    } finally {
      if (turn.idle) turns.delete(name);
      deps.inventory.refresh();
    }
  };
  return {
    act: deps.handlers.unary((request, signal) => inTurn(request.vmName, signal, () => act(deps, request, signal))),
    remove: deps.handlers.unary((request, signal) =>
      inTurn(request.vmName, signal, () => remove(deps, request, signal)),
    ),
  };
}

/** The domain of this VM. One of the same name with another uuid is somebody else's, and is never acted on. */
async function find(
  deps: DomainServiceDependencies,
  request: { vmName: string; vmUuid: string },
  signal: AbortSignal,
): Promise<Domain | undefined> {
  const domains = await deps.toolstack.list(signal);
  const found = domains.find((domain) => domain.id !== 0 && domain.name === request.vmName);
  if (found !== undefined && found.uuid !== "" && found.uuid !== request.vmUuid) {
    throw new Refusal(
      "vm_not_on_host",
      `Cannot act on "${request.vmName}": the domain of that name has the uuid ${found.uuid}, the VM has ${request.vmUuid}`,
    );
  }
  return found;
}

async function act(deps: DomainServiceDependencies, request: ActRequest, signal: AbortSignal): Promise<ActReply> {
  const domain = await find(deps, request, signal);
  const { toolstack } = deps;
  if (request.action === Action.START) {
    if (domain !== undefined) return { already: true, domainId: domain.id };
    if (!existsSync(request.vmConfigPath)) {
      throw new Refusal(
        "vm_config_missing",
        `Cannot start "${request.vmName}": its configuration ${request.vmConfigPath} is not there`,
      );
    }
    await toolstack.create(request.vmConfigPath, signal);
    return { already: false, domainId: (await find(deps, request, signal))?.id ?? 0 };
  }
  if (domain === undefined) {
    if (request.action === Action.SHUTDOWN || request.action === Action.DESTROY) return { already: true, domainId: 0 };
    throw new Refusal("vm_not_on_host", `Cannot act on "${request.vmName}": it does not run on this host`);
  }
  const reply = { already: false, domainId: domain.id };
  switch (request.action) {
    case Action.SHUTDOWN:
      await toolstack.shutdown(domain.id, signal);
      return reply;
    case Action.DESTROY:
      await destroy(deps, domain, signal);
      return reply;
    case Action.PAUSE:
      if (domain.state === "paused") return { ...reply, already: true };
      await toolstack.pause(domain.id, signal);
      return reply;
    case Action.UNPAUSE:
      if (domain.state !== "paused") return { ...reply, already: true };
      await toolstack.unpause(domain.id, signal);
      return reply;
    case Action.REBOOT:
      await toolstack.reboot(domain.id, signal);
      return reply;
    default:
      throw new Refusal("bad_request", `"${request.action}" is not an action`);
  }
}

/** Ends when the domain is gone from the list: until then its name and disks are taken. */
async function destroy(deps: DomainServiceDependencies, domain: Domain, signal: AbortSignal): Promise<void> {
  await deps.toolstack.destroy(domain.id, signal);
  const until = Date.now() + goneLimitMs;
  while ((await deps.toolstack.list(signal)).some((one) => one.id === domain.id)) {
    if (Date.now() > until)
      throw new Refusal(
        "toolstack_refused",
        `Domain ${domain.id} "${domain.name}" is still listed ${goneLimitMs / 1000} s after it was destroyed`,
      );
    await delay(200, undefined, { signal });
  }
}

async function remove(
  deps: DomainServiceDependencies,
  request: RemoveRequest,
  signal: AbortSignal,
): Promise<RemoveReply> {
  const domain = await find(deps, request, signal);
  if (domain !== undefined) await destroy(deps, domain, signal);
  const reply: RemoveReply = { removed: [], kept: [] };
  for (const target of await writableDisks(request.vmConfigPath)) {
    const done = request.removeDisks && (await removeDisk(target, deps.diskRoots, signal));
    (done ? reply.removed : reply.kept).push(target);
  }
  if (existsSync(request.vmConfigPath)) {
    await rm(request.vmConfigPath);
    reply.removed.push(request.vmConfigPath);
  }
  return reply;
}

/** Of the configuration that we wrote: what is not in xl's grammar is nobody's to delete. */
async function writableDisks(configPath: string): Promise<string[]> {
  const text = await readFile(configPath, "utf8").catch(() => "");
  const parsed = parseXlConfig(text);
  if (!parsed.accepted) return [];
  return Object.entries(flattenXlOptions(parsed.options))
    .filter(([key]) => key.startsWith("disk["))
    .flatMap(([, spec]) => {
      const verdict = parseXlDisk(spec);
      return verdict.accepted && verdict.disk.readwrite && verdict.disk.target !== "" ? [verdict.disk.target] : [];
    });
}

/** False when it is kept: outside of the roots, a shared device, or not there. */
async function removeDisk(target: string, roots: readonly string[], signal: AbortSignal): Promise<boolean> {
  if (target.startsWith("/dev/disk/") || target.startsWith("/dev/etherd/")) return false;
  if (!isWithin(target, roots)) return false;
  if (target.startsWith("/dev/")) {
    const report = await run(["lvremove", "--force", "--quiet", "--", target.slice("/dev/".length)], {
      signal,
      timeoutMs: lvmLimitMs,
    });
    return report.exitCode === 0;
  }
  const stat = await lstat(target).catch(() => undefined);
  // A link could lead anywhere: it is not followed, and not removed.
  if (stat === undefined || !stat.isFile() || (await realpath(target)) !== target) return false;
  await rm(target);
  return true;
}

/** Whether a path lies under one of the roots, by its own words: no `..`, no doubled slash. */
export function isWithin(path: string, roots: readonly string[]): boolean {
  if (
    !path.startsWith("/") ||
    path.split("/").some((part, index) => part === ".." || part === "." || (index > 0 && part === ""))
  )
    return false;
  return roots.some((root) => path.startsWith(root.endsWith("/") ? root : `${root}/`));
}
