// Options that an image declares secret (`secret_options` of either file), and the forms in which such a value can stand in a text: as it is, quoted for a shell, for
// Python and for JSON, percent-encoded, and in base64 wherever it begins there. A short value would be found in half of everything, so it is not taken.
import { reprPython } from "./python-text.js";
import type { Options } from "./value.js";

export const shortestSecret = 6;
/** What stands in a secret's place. */
export const hiddenSecret = "(secret)";

/** The names that a file declares secret. */
export function secretNames(options: Options): ReadonlySet<string> {
  const list = options.get("secret_options");
  return new Set(Array.isArray(list) ? list.filter((item): item is string => typeof item === "string") : []);
}

/** The texts in a value, of whatever type; empty ones hide nothing. */
export function textsIn(value: unknown): string[] {
  if (typeof value === "string") return value === "" ? [] : [value];
  if (typeof value === "number" || typeof value === "bigint") return [String(value)];
  if (value instanceof Map) return [...value.values()].flatMap(textsIn);
  return typeof value === "object" && value !== null ? Object.values(value).flatMap(textsIn) : [];
}

/** All forms, the longest first, none twice. */
export function secretForms(secret: string): string[] {
  if (secret.length < shortestSecret) return [];
  const forms = [
    secret,
    secret.replaceAll("'", "'\\''"),
    secret.replace(/[\\']/g, "\\$&"),
    reprPython(secret).slice(1, -1),
    reprPython(`${secret}'`).slice(1, -2),
    reprPython(`${secret}'"`).slice(1, -4),
    JSON.stringify(secret).slice(1, -1),
    ...percentForms(secret),
    ...[0, 1, 2].flatMap((before) => base64Within(secret, before)),
  ];
  return [...new Set(forms)].filter((form) => form.length >= shortestSecret).sort((a, b) => b.length - a.length);
}

/** The text without any form of any of the secrets. */
export function hideSecrets(text: string, secrets: readonly string[]): string {
  return secrets.flatMap(secretForms).reduce((hidden, form) => hidden.replaceAll(form, hiddenSecret), text);
}

/** As addresses and forms have it: blanks as `%20` or `+`, hex digits large or small, and `!'()*` encoded by some. */
function percentForms(secret: string): string[] {
  if (/\p{Cs}/u.test(secret)) return [];
  const lax = encodeURIComponent(secret);
  const strict = lax.replace(/[!'()*]/g, (one) => `%${one.charCodeAt(0).toString(16).toUpperCase()}`);
  return [lax, strict].flatMap((percent) =>
    [percent, percent.replaceAll("%20", "+")].flatMap((one) => [
      one,
      one.replace(/%[0-9A-F]{2}/g, (code) => code.toLowerCase()),
    ]),
  );
}

/** What the bytes alone decide of their base64, when so many others stand before them; in both alphabets. */
function base64Within(secret: string, before: number): string[] {
  const bytes = new TextEncoder().encode(secret);
  const text = btoa("\0".repeat(before) + String.fromCharCode(...bytes));
  const inner = text.slice(Math.ceil((before * 8) / 6), Math.floor(((before + bytes.length) * 8) / 6));
  return [inner, inner.replaceAll("+", "-").replaceAll("/", "_")];
}
