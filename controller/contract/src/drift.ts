// Drift: the difference between our records and what hosts report. It is shown, and nothing is changed by it.
import * as z from "zod";
import { instant } from "./names.js";
import { pageOf, pageQuery } from "./page.js";

/**
 * `domain_without_record`: a host runs a domain that no record is of. `record_without_vm`: the record's VM is not on its host: neither a domain
 * nor its configuration. `job_without_record`: a host's journal has a job that the controller does not know and could not take over.
 */
export const driftKind = z.enum(["domain_without_record", "record_without_vm", "job_without_record"]);
export type DriftKind = z.infer<typeof driftKind>;

export const driftView = z.object({
  kind: driftKind,
  host: z.string(),
  /** The VM's or domain's name; of a job, its VM's where that is known. */
  name: z.string(),
  /** Uuid of the domain or VM, id of the job. */
  id: z.string(),
  detail: z.string(),
  /** When the host last saw its domains, and how many seconds ago: what is said here is of that age. */
  seenAt: instant,
  ageS: z.number(),
});
export type DriftView = z.infer<typeof driftView>;
export const driftQuery = pageQuery.extend({ host: z.string().max(64).optional(), kind: driftKind.optional() });

export const driftPage = pageOf(driftView).extend({
  /** Hosts that could not be compared for now, and why. */
  notCompared: z.array(z.object({ host: z.string(), reason: z.string() })),
  /** The database was restored from a copy: taken at, in use since. The last time, if ever. */
  restored: z.object({ copyTakenAt: instant, restoredAt: instant }).nullable(),
});
export type DriftPage = z.infer<typeof driftPage>;
