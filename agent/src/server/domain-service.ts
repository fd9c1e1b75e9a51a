// DomainService: acts on the domain of one VM. The domain's id is looked up by name and uuid just before each act, one act at a time per VM; wishes that hold
// already are fulfilled. An act that has begun is brought to its end, whether or not the caller still listens: half of `xl create` is worse than either end of it.
// Removing deletes what is the VM's own, and only within the folders that root on this host allows.
import { lstat, realpath, rm } from "node:fs/promises";
import { isAbsolute } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import {
  Action,
  type ActReply,
  type ActRequest,
  type DomainServiceServer,
  type RemoveReply,
  type RemoveRequest,
  type VmPlace,
} from "@convirt/proto/domain";
import type { AgentConfig } from "../config/config.js";
import { Refusal } from "../errors/errors.js";
import type { Inventory } from "../host/inventory.js";
import type { KeptSecrets } from "../leftovers/kept-secrets.js";
import { noteCommand, withCommands } from "../process/acts.js";
import { Limiter } from "../process/limiter.js";
import { run } from "../process/run.js";
import { type Domain, type Toolstack, ToolstackError } from "../toolstack/toolstack.js";
import { readConsoleLog } from "./console-log.js";
import type { Handlers } from "./handlers.js";
import { type NamedVm, writableDisksOf } from "./vm-config.js";

export interface DomainServiceDependencies {
  handlers: Handlers;
  toolstack: Toolstack;
  inventory: Inventory;
  secrets: KeptSecrets;
  config: Pick<AgentConfig, "policy" | "consoleLogDir">;
  /** How long a destroyed domain may stay in the list; half a minute unless given. */
  goneLimitMs?: number;
}

const defaultGoneLimitMs = 30_000;
const lvmLimitMs = 60_000;
const vmName = /^[A-Za-z][A-Za-z0-9_.-]{0,62}$/;
const vmUuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
/** Every toolstack call has a limit of its own. */
const toTheEnd = new AbortController().signal;

export function domainService(deps: DomainServiceDependencies): DomainServiceServer {
  const turns = new Map<string, Limiter>();
  /** What is answered, or said of why not, is without the secrets that the VM was made with. */
  const inTurn = async <T>(vm: NamedVm, signal: AbortSignal, work: () => Promise<T>): Promise<T> => {
    assertNamed(vm);
    const redactor = deps.secrets.redactorOf(vm.vmUuid);
    const turn = turns.get(vm.vmName) ?? new Limiter(1);
    turns.set(vm.vmName, turn);
    try {
      const answer = await turn.run(signal, work);
      return redactor?.hideIn(answer) ?? answer;
    } catch (error) {
      const refusal = error instanceof ToolstackError ? new Refusal("toolstack_refused", error.message) : error;
      if (redactor === undefined || !(refusal instanceof Refusal)) throw refusal;
      throw new Refusal(refusal.code, redactor.hideIn(refusal.message), redactor.hideIn(refusal.details));
    } finally {
      if (turn.idle) turns.delete(vm.vmName);
      deps.inventory.invalidate();
    }
  };
  return {
    act: deps.handlers.unary((request, signal) =>
      inTurn(request, signal, async () => {
        const { result, commands } = await withCommands(() => act(deps, request));
        return { ...result, commands };
      }),
    ),
    remove: deps.handlers.unary((request, signal) =>
      inTurn(request, signal, async () => {
        const { result, commands } = await withCommands(() => remove(deps, request));
        return { ...result, commands };
      }),
    ),
    look: deps.handlers.unary(async ({ vms }) => ({ configured: await configured(vms) })),
    readConsoleLog: deps.handlers.unary((request) => {
      assertNamed(request);
      return readConsoleLog(deps.config.consoleLogDir, request, deps.secrets.redactorOf(request.vmUuid));
    }),
  };
}

const mostLooked = 10_000;

async function configured(vms: readonly VmPlace[]): Promise<string[]> {
  if (vms.length > mostLooked)
    throw new Refusal("bad_request", `Cannot look for ${vms.length} VMs at once: ${mostLooked} at most`);
  const there: string[] = [];
  for (const { vmUuid: uuid, vmConfigPath } of vms) {
    const found = isAbsolute(vmConfigPath) ? await lstat(vmConfigPath).catch(() => undefined) : undefined;
    if (found?.isFile()) there.push(uuid);
  }
  return there;
}

function assertNamed(vm: { vmName: string; vmUuid: string }): void {
  if (!vmName.test(vm.vmName))
    throw new Refusal("bad_vm_name", `"${vm.vmName.slice(0, 100)}" cannot be the name of a VM`);
  if (!vmUuid.test(vm.vmUuid))
    throw new Refusal(
      "bad_request",
      `"${vm.vmUuid.slice(0, 100)}" is not the uuid of a VM: eight hex digits, and so on`,
    );
}

/**
 * The domain of this VM. One of the same name with another uuid is somebody else's, and is never acted on. One of the same uuid under another name is the VM's
 * all the same: what is left of it when it cannot die is listed as "(null)".
 */
async function find(deps: DomainServiceDependencies, vm: NamedVm): Promise<Domain | undefined> {
  const guests = (await deps.toolstack.list(toTheEnd)).filter((domain) => domain.id !== 0);
  const found = guests.find((domain) => domain.name === vm.vmName);
  if (found !== undefined && found.uuid !== "" && found.uuid !== vm.vmUuid) {
    throw new Refusal(
      "vm_not_on_host",
      `Cannot act on "${vm.vmName}": the domain of that name has the uuid ${found.uuid}, the VM has ${vm.vmUuid}`,
    );
  }
  return found ?? guests.find((domain) => domain.uuid === vm.vmUuid);
}

type Acted = Omit<ActReply, "commands">;

async function act(deps: DomainServiceDependencies, request: ActRequest): Promise<Acted> {
  const domain = await find(deps, request);
  const { toolstack } = deps;
  if (request.action === Action.START) return start(deps, request, domain);
  if (domain === undefined) {
    if (request.action === Action.SHUTDOWN || request.action === Action.DESTROY) return { already: true, domainId: 0 };
    throw new Refusal("vm_not_on_host", `Cannot act on "${request.vmName}": it does not run on this host`);
  }
  const reply = { already: false, domainId: domain.id };
  switch (request.action) {
    case Action.SHUTDOWN:
      await toolstack.shutdown(domain.id, toTheEnd);
      return reply;
    case Action.DESTROY:
      await destroy(deps, domain);
      return reply;
    case Action.PAUSE:
      if (domain.state === "paused") return { ...reply, already: true };
      await toolstack.pause(domain.id, toTheEnd);
      return reply;
    case Action.UNPAUSE:
      if (domain.state !== "paused") return { ...reply, already: true };
      await toolstack.unpause(domain.id, toTheEnd);
      return reply;
    case Action.REBOOT:
      await toolstack.reboot(domain.id, toTheEnd);
      return reply;
    default:
      throw new Refusal("bad_request", `${request.action} is not an action`);
  }
}

async function start(deps: DomainServiceDependencies, vm: NamedVm, domain: Domain | undefined): Promise<Acted> {
  if (domain?.state === "running" || domain?.state === "paused") return { already: true, domainId: domain.id };
  if (domain !== undefined)
    throw new Refusal(
      "toolstack_refused",
      `Cannot start "${vm.vmName}": domain ${domain.id} of it is still listed, ${domain.state}; destroy it first`,
    );
  if ((await writableDisksOf(vm)) === undefined) {
    throw new Refusal(
      "vm_config_missing",
      `Cannot start "${vm.vmName}": its configuration ${vm.vmConfigPath} is not there`,
    );
  }
  await deps.toolstack.create(vm.vmConfigPath, toTheEnd);
  return { already: false, domainId: (await find(deps, vm))?.id ?? 0 };
}

/** Ends when the domain is gone from the list: until then its name and disks are taken. */
async function destroy(deps: DomainServiceDependencies, domain: Domain): Promise<void> {
  const { toolstack, goneLimitMs = defaultGoneLimitMs } = deps;
  const isListed = async () => (await toolstack.list(toTheEnd)).some((one) => one.id === domain.id);
  try {
    await toolstack.destroy(domain.id, toTheEnd);
  } catch (error) {
    // It may have gone by itself a moment before: then all is as wanted.
    if (!(error instanceof ToolstackError) || (await isListed())) throw error;
  }
  const until = Date.now() + goneLimitMs;
  while (await isListed()) {
    if (Date.now() > until)
      throw new Refusal(
        "toolstack_refused",
        `Domain ${domain.id} of "${domain.name}" is still listed ${goneLimitMs / 1000} s after it was destroyed`,
      );
    await delay(200);
  }
}

async function remove(deps: DomainServiceDependencies, request: RemoveRequest): Promise<Omit<RemoveReply, "commands">> {
  const disks = await writableDisksOf(request);
  const domain = await find(deps, request);
  if (domain !== undefined && !request.destroy)
    throw new Refusal("vm_running", `Cannot remove "${request.vmName}": it runs as domain ${domain.id}`);
  if (domain !== undefined) await destroy(deps, domain);
  const reply: Omit<RemoveReply, "commands"> = { removed: [], kept: [] };
  for (const target of disks ?? []) {
    const done = request.removeDisks && (await removeDisk(target, deps.config.policy.diskRoots));
    (done ? reply.removed : reply.kept).push(target);
  }
  if (disks !== undefined) {
    await rm(request.vmConfigPath);
    reply.removed.push(request.vmConfigPath);
  }
  deps.secrets.settle(request.vmUuid);
  return reply;
}

/** False when it is kept: outside of the roots, a shared device, or not there. */
async function removeDisk(target: string, roots: readonly string[]): Promise<boolean> {
  if (target.startsWith("/dev/disk/") || target.startsWith("/dev/etherd/")) return false;
  if (!isWithin(target, roots)) return false;
  if (target.startsWith("/dev/")) {
    const command = ["lvremove", "--force", "--quiet", "--", target.slice("/dev/".length)] as const;
    noteCommand(command);
    const report = await run([...command], { signal: toTheEnd, timeoutMs: lvmLimitMs });
    return report.exitCode === 0;
  }
  const stat = await lstat(target).catch(() => undefined);
  // A link could lead anywhere: it is not removed, and one among the folders above counts only where it leads to.
  if (stat === undefined || !stat.isFile()) return false;
  const realRoots = await Promise.all(roots.map((root) => realpath(root).catch(() => root)));
  if (!isWithin(await realpath(target), realRoots)) return false;
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
