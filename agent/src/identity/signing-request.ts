// A new key, and the request to sign it. The library is loaded only here: a host needs it once in sixty days.
import { webcrypto } from "node:crypto";

/** An EC P-256 key (PKCS#8, PEM) and a PKCS#10 request (PEM) that names the host. */
export async function makeSigningRequest(host: string): Promise<{ key: string; signingRequest: string }> {
  // The library finds its parts by reflection, and wants this first.
  await import("reflect-metadata");
  const x509 = await import("@peculiar/x509");
  x509.cryptoProvider.set(webcrypto as unknown as Parameters<typeof x509.cryptoProvider.set>[0]);
  const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
  const request = await x509.Pkcs10CertificateRequestGenerator.create({
    name: [{ CN: [host] }],
    keys,
    signingAlgorithm: algorithm,
  });
  const exported = Buffer.from(await webcrypto.subtle.exportKey("pkcs8", keys.privateKey)).toString("base64");
  const key = `-----BEGIN PRIVATE KEY-----\n${exported.match(/.{1,64}/g)?.join("\n") ?? ""}\n-----END PRIVATE KEY-----\n`;
  return { key, signingRequest: request.toString("pem") };
}
