// The check on the host: everything that can be known before anything is touched. The same for a dry run and for a job.
import { lstat } from "node:fs/promises";
import { parseVif } from "@convirt/image-format/xl/vif";
import type { ProvisionSpec } from "@convirt/proto/provision";
import type { AgentConfig } from "../config/config.js";
import { Refusal } from "../errors/errors.js";
import { bridges } from "../host/facts.js";
import type { InventorySnapshot } from "../host/inventory.js";
import { isWithin } from "../server/domain-service.js";
import type { Plan } from "./plan.js";

/** Folders besides the disk roots in which a VM's configuration may be written. */
const configRoots = ["/etc/xen", "/var/cache/convirt"];

/** All that stands against the request; empty when this host would take it. */
export async function refusalsOf(
  spec: ProvisionSpec,
  plan: Plan,
  config: AgentConfig,
  snapshot: InventorySnapshot,
): Promise<Refusal[]> {
  const found: Refusal[] = [];
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
  found.push(...networkRefusals(plan, config), ...memoryRefusals(spec, plan, snapshot));
  return found;
}

async function exists(path: string): Promise<boolean> {
  return (await lstat(path).catch(() => undefined)) !== undefined;
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
