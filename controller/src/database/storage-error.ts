// What the disk under the controller says, as a refusal: nothing was stored, and the same request is good again once there is space.
import { Refusal } from "../errors/refusal.js";

const full = new Set(["SQLITE_FULL", "ENOSPC", "EDQUOT"]);
const unwritable = /^(SQLITE_READONLY|SQLITE_IOERR|SQLITE_CANTOPEN|EROFS$|EIO$)/;

/** Undefined for an error that is not the disk's. */
export function storageRefusal(error: unknown): Refusal | undefined {
  const code = storageCode(error);
  if (code === undefined) return undefined;
  if (full.has(code))
    return new Refusal(
      "storage_full",
      `Nothing was stored: the controller's disk is full (${code}). Jobs on hosts go on, and are caught up with when there is space again`,
    );
  return new Refusal(
    "storage_unwritable",
    `Nothing was stored: the controller's disk cannot be written to (${code}). Jobs on hosts go on, and are caught up with when it can be`,
  );
}

/** SQLite's word or the system's; the library wraps the driver's error in its own. */
function storageCode(error: unknown): string | undefined {
  for (let at = error, depth = 0; at instanceof Error && depth < 5; depth += 1) {
    const { code, driverError, cause } = at as Error & { code?: unknown; driverError?: unknown };
    if (typeof code === "string" && (full.has(code) || unwritable.test(code))) return code;
    at = driverError ?? cause;
  }
  return undefined;
}
