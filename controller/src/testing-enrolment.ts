// What a host does to enter, for tests: a key and its signing request, and the one POST over TLS.
import "reflect-metadata";
import { webcrypto } from "node:crypto";
import { request as httpsRequest } from "node:https";
import * as x509 from "@peculiar/x509";

const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };

export interface SigningRequest {
  key: string;
  pem: string;
}

/** A new key and its signing request, both PEM. */
export async function makeSigningRequest(name: string, curve = "P-256"): Promise<SigningRequest> {
  const keys = await webcrypto.subtle.generateKey({ ...algorithm, namedCurve: curve }, true, ["sign", "verify"]);
  const made = await x509.Pkcs10CertificateRequestGenerator.create({
    name: [{ CN: [name] }],
    keys,
    signingAlgorithm: algorithm,
  });
  const key = Buffer.from(await webcrypto.subtle.exportKey("pkcs8", keys.privateKey)).toString("base64");
  return { key: `-----BEGIN PRIVATE KEY-----\n${key}\n-----END PRIVATE KEY-----\n`, pem: made.toString("pem") };
}

export interface Invitation {
  controllers: string[];
  ca: string;
  host: string;
  secret: string;
}

export function readInvitation(text: string): Invitation {
  return JSON.parse(Buffer.from(text.replace(/^convirt1\./, ""), "base64url").toString()) as Invitation;
}

/** POSTs to the HTTPS port, whoever it is. */
export function post(
  url: string,
  body: unknown,
  // biome-ignore lint/suspicious/noExplicitAny: what a test asks of an answer, the test's own expectations check.
): Promise<{ status: number; body: any }> {
  return new Promise((resolve, reject) => {
    const sent = httpsRequest(url, {
      method: "POST",
      rejectUnauthorized: false,
      headers: { "content-type": "application/json" },
      agent: false,
    });
    sent.once("error", reject).once("response", (response) => {
      let text = "";
      response.on("data", (chunk: Buffer) => {
        text += chunk.toString();
      });
      response.once("end", () => resolve({ status: response.statusCode ?? 0, body: JSON.parse(text) }));
    });
    sent.end(JSON.stringify(body));
  });
}
