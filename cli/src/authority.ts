// Trust in a controller that signs its own certificate: its authority is looked at once, at `convirt login`, shown by the SHA-256 of its key, and kept
// only when a person (or `--accept-ca`) says that it is the right one. `convirt-controller` prints the same figure when it starts.
import { createHash, X509Certificate } from "node:crypto";
import { connect, type DetailedPeerCertificate, type TLSSocket } from "node:tls";
import { CommandFailed, exitCodes } from "./exit.js";

const handshakeLimitMs = 10_000;

/** PEM of the authority to check the controller by; undefined for plain http and for certificates that the system trusts already. */
export async function trustedAuthority(
  server: string,
  known: string | undefined,
  accepted: string | undefined,
): Promise<string | undefined> {
  const url = new URL(server);
  if (url.protocol !== "https:" || known !== undefined) return known;
  const { authorized, root } = await look(url);
  if (authorized) return undefined;

  const key = createHash("sha256")
    .update(new X509Certificate(root).publicKey.export({ type: "spki", format: "der" }))
    .digest("hex");
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
      `Cannot trust ${server}: its authority is not known here. If the SHA-256 of its key, ${key}, is right, add --accept-ca ${key}`,
    );
  }
  const { confirm } = await import("@inquirer/prompts");
  const yes = await confirm({
    message: `${server} is signed by an authority whose key has the SHA-256\n  ${key}\nIs that what the controller printed at its start?`,
    default: false,
  });
  if (!yes) throw new CommandFailed(exitCodes.denied, "Not signed in; nothing was sent.");
  return root;
}

function look(url: URL): Promise<{ authorized: boolean; root: string }> {
  return new Promise((resolve, reject) => {
    const socket: TLSSocket = connect({
      host: url.hostname,
      port: Number(url.port || 443),
      servername: url.hostname,
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
