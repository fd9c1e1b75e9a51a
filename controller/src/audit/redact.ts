// What of a request may be kept: no secrets, and of long texts their length and hash alone.
import { createHash } from "node:crypto";

const secretName =
  /passw|secret|token|invitation|signingRequest|(^|_)(private|api|ssh_host|encryption)_?key$|(^|_)pw(d)?$|^code$/i;
const longest = 500;
const mostBytes = 16 * 1024;
const deepest = 8;
export const hidden = "(not kept)";

export interface Redacted {
  /** JSON. */
  text: string;
  /** The values that were left out, to be left out of messages too. */
  secrets: string[];
}

/** `isSecret` names further options whose values are secret. */
export function redact(value: unknown, isSecret: (name: string) => boolean = () => false): Redacted {
  const secrets: string[] = [];
  const clean = (one: unknown, depth: number): unknown => {
    if (typeof one === "string") return one.length > longest ? digestOf(one) : one;
    if (typeof one !== "object" || one === null) return one;
    if (depth > deepest) return "(too deep to be kept)";
    if (Array.isArray(one)) return one.map((each) => clean(each, depth + 1));
    return Object.fromEntries(
      Object.entries(one).map(([name, each]) => {
        if (!secretName.test(name) && !isSecret(name)) return [name, clean(each, depth + 1)];
        secrets.push(...textsIn(each));
        return [name, hidden];
      }),
    );
  };
  const text = JSON.stringify(clean(value, 0) ?? null);
  return { text: Buffer.byteLength(text) > mostBytes ? JSON.stringify(digestOf(text)) : text, secrets };
}

/** A sentence without the secrets in it. */
export function without(sentence: string, secrets: readonly string[]): string {
  return secrets.reduce((text, secret) => (secret.length < 3 ? text : text.replaceAll(secret, hidden)), sentence);
}

function textsIn(value: unknown): string[] {
  if (typeof value === "string") return [value];
  if (typeof value === "number") return [String(value)];
  return typeof value === "object" && value !== null ? Object.values(value).flatMap(textsIn) : [];
}

function digestOf(text: string): { bytes: number; sha256: string } {
  return { bytes: Buffer.byteLength(text), sha256: createHash("sha256").update(text).digest("hex") };
}
