// Who this host is: a key that never leaves it, the certificate that the controller gave for it, and the authority by which both ends know each other.
// All of it lies in one file that is replaced as a whole, readable by root alone.
import { createHash, createPrivateKey, X509Certificate } from "node:crypto";
import { chmodSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";

const stored = z.object({
  hostId: z.string(),
  host: z.string(),
  key: z.string(),
  certificate: z.string(),
  ca: z.string(),
});

/** PEM texts; `hostId` is the certificate's name. */
export type Identity = z.infer<typeof stored>;

function pathOf(stateDir: string): string {
  return join(stateDir, "identity", "identity.json");
}

/** The host's identity, or undefined when it has not been enrolled yet. Throws when the file is there and is not one. */
export function loadIdentity(stateDir: string): Identity | undefined {
  let text: string;
  try {
    text = readFileSync(pathOf(stateDir), "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
  return stored.parse(JSON.parse(text));
}

/** Keeps the identity, whole or not at all. Refuses a certificate that is not of this key or not of this authority. */
export function saveIdentity(stateDir: string, identity: Identity): void {
  const certificate = new X509Certificate(identity.certificate);
  if (!certificate.checkPrivateKey(createPrivateKey(identity.key)))
    throw new Error("The certificate is not for the key of this host");
  if (!certificate.verify(new X509Certificate(identity.ca).publicKey))
    throw new Error("The certificate is not signed by the controller's authority");
  const path = pathOf(stateDir);
  mkdirSync(join(stateDir, "identity"), { recursive: true, mode: 0o700 });
  chmodSync(join(stateDir, "identity"), 0o700);
  writeFileSync(`${path}.new`, JSON.stringify(identity), { mode: 0o600, flush: true });
  renameSync(`${path}.new`, path);
}

/** SHA-256 of a certificate's public key (SPKI, DER), in hex: how an invitation names the controller's authority. */
export function keyDigest(certificate: X509Certificate): string {
  return createHash("sha256")
    .update(certificate.publicKey.export({ type: "spki", format: "der" }))
    .digest("hex");
}

export function notAfter(identity: Identity): Date {
  return new Date(new X509Certificate(identity.certificate).validTo);
}
