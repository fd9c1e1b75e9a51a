// How a host enters: it reads an invitation, looks at the controller's authority before it says a word, and only then sends a signing request with the
// invitation's secret, over that same connection.
import { X509Certificate } from "node:crypto";
import { request as httpsRequest } from "node:https";
import { connect, type DetailedPeerCertificate, type TLSSocket } from "node:tls";
import * as z from "zod/mini";
import { IdentityInvalid, keyDigest, saveIdentity } from "./identity.js";
import { makeSigningRequest } from "./signing-request.js";

const invitation = z.object({
  v: z.literal(1),
  controllers: z.array(z.url({ protocol: /^https$/ })).check(z.minLength(1), z.maxLength(8)),
  ca: z.string().check(z.regex(/^[0-9a-f]{64}$/)),
  host: z.string(),
  secret: z.string(),
});
export type Invitation = z.infer<typeof invitation>;

const reply = z.object({
  hostId: z.string().check(z.minLength(1)),
  certificate: z.string(),
  caCertificate: z.string(),
});
const refusal = z.object({ code: z.string(), message: z.string() });

const limitMs = 20_000;
const largestReply = 256 * 1024;

/** Ends `convirt-agent enrol` with a sentence and exit code 1. */
export class EnrolmentFailed extends Error {
  override readonly name = "EnrolmentFailed";
}

/** Reads the one string of an invitation. */
export function parseInvitation(text: string): Invitation {
  const match = /^convirt1\.([A-Za-z0-9_-]+)$/.exec(text.trim());
  const parsed = match === null ? undefined : invitation.safeParse(fromBase64(match[1] ?? ""));
  if (!parsed?.success)
    throw new EnrolmentFailed(
      "Cannot read the invitation: it must be the one string, from `convirt1.` to its end, that `convirt host invite` printed.",
    );
  return parsed.data;
}

function fromBase64(text: string): unknown {
  try {
    return JSON.parse(Buffer.from(text, "base64url").toString("utf8"));
  } catch {
    return undefined;
  }
}

export interface EnrolRequest {
  invitation: Invitation;
  stateDir: string;
  /** host:port that the controller is to call. */
  address: string;
  agentVersion: string;
}

/** Enrols with the first controller that can be reached, and keeps the identity. Throws EnrolmentFailed. */
export async function enrol(request: EnrolRequest): Promise<{ hostId: string; controller: string }> {
  const { key, signingRequest } = await makeSigningRequest(request.invitation.host);
  const body = {
    host: request.invitation.host,
    secret: request.invitation.secret,
    signingRequest,
    address: request.address,
    agentVersion: request.agentVersion,
  };
  const unreached: string[] = [];
  for (const controller of request.invitation.controllers) {
    let socket: TLSSocket;
    try {
      socket = await trustedConnection(new URL(controller), request.invitation.ca);
    } catch (error) {
      if (error instanceof EnrolmentFailed) throw error;
      unreached.push(`${controller} (${error instanceof Error ? error.message : String(error)})`);
      continue;
    }
    const answer = await post(socket, new URL("/api/v1/enrolment", controller), body);
    keep(request, controller, { ...answer, key });
    return { hostId: answer.hostId, controller };
  }
  throw new EnrolmentFailed(
    `Cannot reach the controller: ${unreached.join(", ")}. Is it running, and does a firewall let this host through?`,
  );
}

function keep(request: EnrolRequest, controller: string, answer: z.infer<typeof reply> & { key: string }): void {
  const { hostId, key, certificate, caCertificate } = answer;
  if (digestIn(caCertificate) !== request.invitation.ca)
    throw new EnrolmentFailed(`Cannot enrol: ${controller} answered with another authority than the invitation names.`);
  try {
    saveIdentity(request.stateDir, { hostId, host: request.invitation.host, key, certificate, ca: caCertificate });
  } catch (error) {
    if (!(error instanceof IdentityInvalid)) throw error;
    throw new EnrolmentFailed(`Cannot enrol: what ${controller} answered is no identity: ${error.message}.`);
  }
}

function digestIn(pem: string): string | undefined {
  try {
    return keyDigest(new X509Certificate(pem));
  } catch {
    return undefined;
  }
}

/** A TLS connection whose authority's key has the digest that the invitation names; nothing is sent before that is seen. */
function trustedConnection(url: URL, caDigest: string): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const socket = connect({
      host: url.hostname,
      port: Number(url.port || 443),
      minVersion: "TLSv1.3",
      rejectUnauthorized: false,
      timeout: limitMs,
    });
    socket.once("error", reject);
    socket.once("timeout", () => {
      socket.destroy();
      reject(new Error(`no answer within ${limitMs / 1000} s`));
    });
    socket.once("secureConnect", () => {
      const problem = untrusted(socket.getPeerCertificate(true), caDigest);
      if (problem === undefined) return resolve(socket);
      socket.destroy();
      reject(
        new EnrolmentFailed(
          `Cannot trust the controller at ${url.origin}: ${problem}. Nothing was sent. Is the invitation this controller's?`,
        ),
      );
    });
  });
}

/**
 * The leaf must be signed by the very authority whose key the invitation pins; dates prove nothing more. Hosts have certificates of that authority too: one of
 * them, in the controller's place, must not be told another's secret.
 */
function untrusted(leaf: DetailedPeerCertificate, caDigest: string): string | undefined {
  const own = new X509Certificate(leaf.raw);
  const issuer = leaf.issuerCertificate as DetailedPeerCertificate | undefined;
  if (issuer === undefined) return "it does not show its authority";
  const authority = new X509Certificate(issuer.raw);
  const digest = keyDigest(authority);
  if (digest !== caDigest) return `the SHA-256 of its authority's key is ${digest}, the invitation says ${caDigest}`;
  if (!own.verify(authority.publicKey)) return "its certificate is not signed by its authority";
  return /URI:urn:convirt:/.test(own.subjectAltName ?? "")
    ? "its certificate is a host's, not the controller's"
    : undefined;
}

function post(socket: TLSSocket, url: URL, body: object): Promise<z.infer<typeof reply>> {
  return new Promise((resolve, reject) => {
    const text = JSON.stringify(body);
    const headers = {
      "content-type": "application/json",
      "content-length": Buffer.byteLength(text),
      connection: "close",
    };
    const sent = httpsRequest(
      url,
      { method: "POST", headers, createConnection: () => socket, timeout: limitMs },
      (response) => {
        const chunks: Buffer[] = [];
        let size = 0;
        response.on("data", (chunk: Buffer) => {
          size += chunk.length;
          if (size <= largestReply) chunks.push(chunk);
        });
        response.on("end", () => {
          const json = fromJson(Buffer.concat(chunks).toString("utf8"));
          const good = reply.safeParse(json);
          if (response.statusCode === 201 && good.success) return resolve(good.data);
          const no = refusal.safeParse(json);
          reject(
            new EnrolmentFailed(
              no.success
                ? `Cannot enrol: ${no.data.message} [${no.data.code}]`
                : `Cannot enrol: ${url.origin} answered ${response.statusCode}, as no controller does.`,
            ),
          );
        });
      },
    );
    sent.once("error", (error) =>
      reject(
        new EnrolmentFailed(
          `Cannot enrol: the connection to ${url.origin} broke: ${error.message}. Ask for a new invitation if this one is used up.`,
        ),
      ),
    );
    sent.once("timeout", () => sent.destroy(new Error(`no answer within ${limitMs / 1000} s`)));
    sent.end(text);
  });
}

function fromJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
