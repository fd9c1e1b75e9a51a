// Trust in a controller that signs its own certificate: its authority is looked at once, at `convirt login`, shown by the SHA-256 of its key, and kept
// only when a person (or `--accept-ca`) says that it is the right one. `convirt-controller` prints the same figure when it starts.
import { createHash, X509Certificate } from "node:crypto";
import { isIP } from "node:net";
import { connect, type DetailedPeerCertificate, type TLSSocket } from "node:tls";
import { CommandFailed, exitCodes } from "./exit.js";

const handshakeLimitMs = 10_000;

/**
 * PEM of the authority to check the controller by; undefined for plain http and for certificates that the system trusts already. `kept` is the one of an
 * earlier sign-in: another in its place is never taken unasked.
 */
export async function trustedAuthority(
  server: string,
  kept: string | undefined,
  accepted: string | undefined,
): Promise<string | undefined> {
  const url = new URL(server);
  if (url.protocol !== "https:") return undefined;
  const { authorized, root } = await look(url);
  if (authorized && kept === undefined) return undefined;

  const key = keyDigest(root);
  if (kept !== undefined && isOfKey(kept, key)) return kept;
  const found =
    kept === undefined ? "its authority is not known here" : "its authority is another than at the last sign-in";
  if (accepted !== undefined) {
    if (accepted.toLowerCase() === key) return root;
    throw new CommandFailed(
      exitCodes.denied,
      `Cannot trust ${server}: the SHA-256 of its authority's key is ${key}, not ${accepted}. Nothing was sent.`,
    );
  }
  if (!process.stdin.isTTY) {
    throw new CommandFailed(
      exitCodes.denied,
      `Cannot trust ${server}: ${found}. If the SHA-256 of its key, ${key}, is right, add --accept-ca ${key}`,
    );
  }
  const { confirm } = await import("@inquirer/prompts");
  const yes = await confirm({
    message: `${server}: ${found}. The SHA-256 of its key is\n  ${key}\nIs that what the controller printed at its start?`,
    default: false,
  });
  if (!yes) throw new CommandFailed(exitCodes.denied, "Not signed in; nothing was sent.");
  return root;
}

function keyDigest(certificate: string): string {
  const key = new X509Certificate(certificate).publicKey.export({ type: "spki", format: "der" });
  return createHash("sha256").update(key).digest("hex");
}

/** A file that a person has changed may hold anything; what is no certificate is of no key. */
function isOfKey(certificate: string, key: string): boolean {
  try {
    return keyDigest(certificate) === key;
  } catch {
    return false;
  }
}

function look(url: URL): Promise<{ authorized: boolean; root: string }> {
  const host = url.hostname.replace(/^\[|\]$/g, "");
  return new Promise((resolve, reject) => {
    const socket: TLSSocket = connect({
      host,
      port: Number(url.port || 443),
      // An address is no server name.
      ...(isIP(host) === 0 ? { servername: host } : {}),
      // Nothing is sent on this connection: it only looks at the certificates.
      rejectUnauthorized: false,
      timeout: handshakeLimitMs,
    });
    const fail = (why: string) => {
      socket.destroy();
      reject(new CommandFailed(exitCodes.unreachable, `Cannot reach the controller at ${url.origin}: ${why}.`));
    };
    socket.once("error", (error) => fail(error.message));
    socket.once("timeout", () => fail("it did not answer within 10 s"));
    socket.once("secureConnect", () => {
      const root = rootOf(socket.getPeerCertificate(true));
      resolve({ authorized: socket.authorized, root });
      socket.destroy();
    });
  });
}

function rootOf(leaf: DetailedPeerCertificate): string {
  let one = leaf;
  for (
    let depth = 0;
    depth < 10 && one.issuerCertificate !== undefined && one.issuerCertificate.fingerprint256 !== one.fingerprint256;
    depth += 1
  ) {
    one = one.issuerCertificate;
  }
  return new X509Certificate(one.raw).toString();
}
