// Copies of the controller's database.
import * as z from "zod";
import { instant } from "./names.js";
import { pageOf, pageQuery } from "./page.js";

/** A copy that was verified before it got its name. */
export const backupView = z.object({ name: z.string(), takenAt: instant, bytes: z.number() });
export type BackupView = z.infer<typeof backupView>;
export const backupQuery = pageQuery;

/** The copies in the folder, beside when the next is due and how the last attempt went since the controller started. */
export const backupPage = pageOf(backupView).extend({
  folder: z.string(),
  keepDays: z.number().int(),
  nextAt: instant.nullable(),
  lastFailure: z.object({ at: instant, message: z.string() }).nullable(),
});
export type BackupPage = z.infer<typeof backupPage>;
