// The door for what a host says of a job: whatever it answers, tells or refuses passes here before anybody stores or shows it, and leaves without the job's secrets.
// Agents hide them as well, in the log's bytes they alone (docs/decisions/0013); after a job's end they alone know them (0014).
import { hideSecrets } from "@convirt/image-format/secrets";
import { Refusal } from "../errors/refusal.js";
import { HostRefusal } from "./agent-error.js";

/** The same with every text in it hidden; bytes are left as they are. */
export function heard<T>(value: T, secrets: readonly string[]): T {
  if (secrets.length === 0) return value;
  if (typeof value === "string") return hideSecrets(value, secrets) as T;
  if (Array.isArray(value)) return value.map((one: unknown) => heard(one, secrets)) as T;
  if (typeof value !== "object" || value === null || value instanceof Uint8Array) return value;
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, heard(one, secrets)])) as T;
}

/** An answer, or why there is none. */
export async function hear<T>(answer: Promise<T>, secrets: readonly string[]): Promise<T> {
  try {
    return heard(await answer, secrets);
  } catch (error) {
    if (secrets.length === 0 || !(error instanceof Refusal)) throw error;
    const message = hideSecrets(error.message, secrets);
    throw error instanceof HostRefusal
      ? new HostRefusal(error.agentCode, message)
      : new Refusal(error.code, message, heard(error.more, secrets));
  }
}
