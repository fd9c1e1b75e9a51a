// VMs: the record of what was provisioned, beside what its host last reported.
import * as z from "zod";
import { instant, uuid } from "./names.js";
import { pageQuery } from "./page.js";

/** `unknown`: the host has never reported since the VM was made. `stopped`: the host reports, and the VM is not among its domains. */
export const vmState = z.enum([
  "running",
  "paused",
  "shutting_down",
  "crashed",
  "dying",
  "zombie",
  "stopped",
  "unknown",
]);
export type VmState = z.infer<typeof vmState>;

export const vmView = z.object({
  id: uuid,
  name: z.string(),
  host: z.string(),
  image: z.string(),
  imageVersion: z.string(),
  jobId: uuid,
  memoryMib: z.number().nullable(),
  vcpus: z.number().nullable(),
  createdAt: instant,
  state: vmState,
  /** When the host reported that state, and how many seconds ago that was. */
  stateAt: instant.nullable(),
  stateAgeS: z.number().nullable(),
  domainId: z.number().int().nullable(),
});
export type VmView = z.infer<typeof vmView>;
export const vmDetail = vmView.extend({
  vmConfigPath: z.string(),
  vmConfig: z.string(),
  disks: z.array(
    z.object({ target: z.string(), device: z.string(), format: z.string(), bytes: z.number(), writable: z.boolean() }),
  ),
  imageConf: z.record(z.string(), z.json()),
  vmConf: z.record(z.string(), z.json()),
});
export type VmDetail = z.infer<typeof vmDetail>;
export const vmQuery = pageQuery.extend({
  host: z.string().max(64).optional(),
  image: z.string().max(64).optional(),
  state: vmState.optional(),
  name: z.string().max(64).optional(),
});
export const vmActionReply = z.object({ already: z.boolean(), vm: vmView });
/** The end of what the VM has written to its console; `bytes` is the size of the whole. Bytes that are no UTF-8 are replaced. */
export const consoleLog = z.object({ text: z.string(), bytes: z.number().int(), cut: z.boolean(), path: z.string() });
export type ConsoleLog = z.infer<typeof consoleLog>;
export const consoleLogQuery = z.strictObject({ bytes: z.coerce.number().int().min(1).max(262_144).default(65_536) });
export const removeVmQuery = z.strictObject({
  disks: z.stringbool().default(false),
  force: z.stringbool().default(false),
});
export const removeVmReply = z.object({ removed: z.array(z.string()), kept: z.array(z.string()) });
