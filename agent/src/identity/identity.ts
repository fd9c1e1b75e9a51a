// Who this host is: a key that never leaves it, the certificate that the controller gave for it, and the authority by which both ends know each other.
// All of it lies in one file that is replaced as a whole, readable by root alone.
import { createHash, createPrivateKey, X509Certificate } from "node:crypto";
import { chmodSync, closeSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, writeSync } from "node:fs";
import { join } from "node:path";
import * as z from "zod/mini";

const stored = z.object({
  hostId: z.string().check(z.minLength(1)),
  host: z.string().check(z.minLength(1)),
  key: z.string(),
  certificate: z.string(),
  ca: z.string(),
});

/** PEM texts; `hostId` is the certificate's name. */
export type Identity = z.infer<typeof stored>;

/** What was given, or what lies in the state folder, is no identity of this host. The message says what is wrong with it. */
export class IdentityInvalid extends Error {
  override readonly name = "IdentityInvalid";
}

function pathOf(stateDir: string): string {
  return join(stateDir, "identity", "identity.json");
}

/** The host's identity, or undefined when it has not been enrolled yet. Throws IdentityInvalid when the file is there and is not one. */
export function loadIdentity(stateDir: string): Identity | undefined {
  const path = pathOf(stateDir);
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
  try {
    const identity = stored.parse(JSON.parse(text));
    new X509Certificate(identity.certificate);
    return identity;
  } catch (error) {
    throw new IdentityInvalid(`Cannot use ${path}: it does not hold a host's identity. Enrol this host again.`, {
      cause: error,
    });
  }
}

/** Keeps the identity, whole or not at all. Throws IdentityInvalid for a certificate that is not of this key, this host and this authority, and in force. */
export function saveIdentity(stateDir: string, identity: Identity): void {
  assertValid(identity);
  const path = pathOf(stateDir);
  const folder = join(stateDir, "identity");
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  chmodSync(folder, 0o700);
  const file = openSync(`${path}.new`, "w", 0o600);
  try {
    writeSync(file, JSON.stringify(identity));
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(`${path}.new`, path);
  // The name is on the disk too before anybody is told.
  const directory = openSync(folder, "r");
  fsyncSync(directory);
  closeSync(directory);
}

function assertValid(identity: Identity): void {
  let certificate: X509Certificate;
  try {
    certificate = new X509Certificate(identity.certificate);
  } catch (error) {
    throw new IdentityInvalid("The certificate cannot be read", { cause: error });
  }
  if (!certificate.checkPrivateKey(createPrivateKey(identity.key)))
    throw new IdentityInvalid("The certificate is not for the key of this host");
  if (!certificate.verify(new X509Certificate(identity.ca).publicKey))
    throw new IdentityInvalid("The certificate is not signed by the controller's authority");
  const name = `URI:urn:convirt:host:${identity.hostId}`;
  if (!(certificate.subjectAltName ?? "").split(", ").includes(name))
    throw new IdentityInvalid(`The certificate names "${certificate.subjectAltName ?? ""}", and must name "${name}"`);
  if (Date.parse(certificate.validTo) <= Date.now())
    throw new IdentityInvalid(`The certificate ended at ${certificate.validTo}: is this host's clock right?`);
}

/** SHA-256 of a certificate's public key (SPKI, DER), in hex: how an invitation names the controller's authority. */
export function keyDigest(certificate: X509Certificate): string {
  return createHash("sha256")
    .update(certificate.publicKey.export({ type: "spki", format: "der" }))
    .digest("hex");
}

/** What is wrong with the time for which a certificate holds, as this host's clock has it; undefined when nothing is. */
export function timeTrouble(identity: Identity, now = Date.now()): string | undefined {
  const { validFrom, validTo } = new X509Certificate(identity.certificate);
  const at = (text: string) => new Date(text).toISOString();
  if (now < Date.parse(validFrom))
    return `The host's certificate holds from ${at(validFrom)} on, and this host's clock says ${at(new Date(now).toISOString())}`;
  if (now >= Date.parse(validTo))
    return `The host's certificate ended at ${at(validTo)}, and this host's clock says ${at(new Date(now).toISOString())}`;
  return undefined;
}

export function notAfter(identity: Identity): Date {
  return new Date(new X509Certificate(identity.certificate).validTo);
}
