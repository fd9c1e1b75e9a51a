// The check on the host: everything that can be known before anything is touched. The same for a dry run and for a job.
import { constants, existsSync } from "node:fs";
import { access, lstat } from "node:fs/promises";
import { dirname } from "node:path";
import { parseVif } from "@convirt/image-format/xl/vif";
import type { ProvisionSpec } from "@convirt/proto/provision";
import type { AgentConfig } from "../config/config.js";
import { Refusal } from "../errors/errors.js";
import { bridges, freeBytes } from "../host/facts.js";
import type { InventorySnapshot } from "../host/inventory.js";
import type { Footprint } from "../leftovers/footprint.js";
import { isWithin } from "../server/domain-service.js";
import type { Plan } from "./plan.js";

/** Folders besides the disk roots in which a VM's configuration may be written. */
const configRoots = ["/etc/xen", "/var/cache/convirt"];

/** Less than any image needs: where there is not even this, the disk is full. */
const leastFreeBytes = 1024 * 1024;

/** All that stands against the request; empty when this host would take it. */
export async function refusalsOf(
  spec: ProvisionSpec,
  plan: Plan,
  host: { config: AgentConfig; snapshot: InventorySnapshot; claims: readonly Footprint[] },
): Promise<Refusal[]> {
  const { config, snapshot, claims } = host;
  const found: Refusal[] = claimRefusals(spec, plan, claims);
  const { policy } = config;
  if (snapshot.domains.some((domain) => domain.name === spec.vmName)) {
    found.push(
      new Refusal("vm_name_taken", `Cannot provision "${spec.vmName}": a domain of that name runs on this host`),
    );
  }
  if (!isWithin(plan.vmConfigPath, [...policy.diskRoots, ...configRoots])) {
    found.push(
      new Refusal(
        "disk_outside_roots",
        `Cannot write the configuration to ${plan.vmConfigPath}: this host allows ${[...policy.diskRoots, ...configRoots].join(", ")}`,
      ),
    );
  }
  for (const key of policy.forbiddenKeys) {
    if (plan.vmConf.has(key))
      found.push(new Refusal("forbidden_key", `The VM configuration sets "${key}", which this host's policy forbids`));
  }
  for (const disk of plan.disks) {
    if (!disk.writable) continue;
    if (!isWithin(disk.target, policy.diskRoots)) {
      found.push(
        new Refusal(
          "disk_outside_roots",
          `The disk ${disk.target} lies outside of the folders that this host allows: ${policy.diskRoots.join(", ")}`,
        ),
      );
    } else if (disk.made && !spec.replaceDisks && (await exists(disk.target))) {
      found.push(
        new Refusal(
          "disk_exists",
          `The disk ${disk.target} exists already, and the request does not say that disks may be replaced`,
        ),
      );
    }
  }
  found.push(...networkRefusals(plan, config), ...memoryRefusals(spec, plan, snapshot), ...(await spaceRefusals(plan)));
  return found;
}

async function exists(path: string): Promise<boolean> {
  return (await lstat(path).catch(() => undefined)) !== undefined;
}

/** Of two jobs that would make the same, the second is refused before either has. */
function claimRefusals(spec: ProvisionSpec, plan: Plan, claims: readonly Footprint[]): Refusal[] {
  const found: Refusal[] = [];
  const claimed = new Set(claims.flatMap((claim) => claim.targets));
  if (claims.some((claim) => claim.vmName === spec.vmName))
    found.push(
      new Refusal("vm_name_taken", `Cannot provision "${spec.vmName}": a job under way makes a VM of that name`),
    );
  for (const disk of plan.disks) {
    if (disk.writable && claimed.has(disk.target))
      found.push(new Refusal("disk_exists", `The disk ${disk.target} is being made by another job`));
  }
  return found;
}

/** Sparse disks may promise more than there is; but where nothing can be written, nothing can be made. */
async function spaceRefusals(plan: Plan): Promise<Refusal[]> {
  const found: Refusal[] = [];
  const folders = plan.disks
    .filter((disk) => disk.made && !disk.target.startsWith("/dev/"))
    .map((disk) => nearestFolder(disk.target));
  for (const folder of new Set([...folders, nearestFolder(plan.files.log), nearestFolder(plan.vmConfigPath)])) {
    const writable = await access(folder, constants.W_OK).catch((error: NodeJS.ErrnoException) => error.code);
    const free = await freeBytes(folder);
    if (writable === "EROFS") found.push(new Refusal("no_space", `Cannot write below ${folder}: it is read-only`));
    else if (free < leastFreeBytes)
      found.push(
        new Refusal("no_space", `Cannot write below ${folder}: ${free} bytes are free, ${leastFreeBytes} are wanted`),
      );
  }
  return found;
}

function nearestFolder(path: string): string {
  const folder = dirname(path);
  return folder === "/" || existsSync(folder) ? folder : nearestFolder(folder);
}

function networkRefusals(plan: Plan, config: AgentConfig): Refusal[] {
  const here = bridges(config.defaultBridge);
  const entries = plan.vmConf.get("vif");
  return (Array.isArray(entries) ? entries : []).flatMap((entry) => {
    const vif = typeof entry === "string" ? parseVif(entry) : undefined;
    if (vif === undefined || !vif.ok)
      return [new Refusal("config_invalid", `The network entry ${JSON.stringify(String(entry))} cannot be used`)];
    const bridge = vif.fields.find(([key]) => key === "bridge")?.[1];
    if (bridge === undefined || here.includes(bridge)) return [];
    return [
      new Refusal(
        "no_such_bridge",
        `There is no bridge "${bridge}" on this host; there ${here.length === 0 ? "is none" : `are: ${here.join(", ")}`}`,
      ),
    ];
  });
}

function memoryRefusals(spec: ProvisionSpec, plan: Plan, snapshot: InventorySnapshot): Refusal[] {
  const asked = plan.vmConf.get("memory");
  const wanted = typeof asked === "bigint" ? Number(asked) : 0;
  if (!spec.start || snapshot.takenAtMs === 0 || wanted <= snapshot.freeMemoryMib) return [];
  return [
    new Refusal(
      "not_enough_memory",
      `Cannot start "${spec.vmName}": ${snapshot.freeMemoryMib} MiB of memory are free, ${wanted} MiB are wanted`,
    ),
  ];
}
