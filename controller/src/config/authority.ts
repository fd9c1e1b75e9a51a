// The controller's own certificate authority: made at the first start, it signs the controller's two certificates and those of its hosts, and nothing else. Keys
// are files that only the controller's user can read.
import "reflect-metadata";
import { createHash, createPrivateKey, hkdfSync, X509Certificate as NodeCertificate, webcrypto } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { isIP } from "node:net";
import { hostname } from "node:os";
import { join } from "node:path";
import * as x509 from "@peculiar/x509";
import { Refusal } from "../errors/refusal.js";

x509.cryptoProvider.set(webcrypto as unknown as Parameters<typeof x509.cryptoProvider.set>[0]);

const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
const dayMs = 86_400_000;
const authorityDays = 3650;
const ownDays = 397;
export const hostDays = 90;
/** Clocks of hosts and controller may differ by this much: one may be of another time zone, or put back while certificates are new. */
const skewMs = dayMs;

export const controllerName = "urn:convirt:controller";

export interface KeyPair {
  /** PEM. */
  key: string;
  certificate: string;
}

export interface SignedHost {
  certificate: string;
  /** SHA-256 of the certificate, hex. */
  fingerprint: string;
  notAfter: string;
}

export class Authority {
  readonly #folder: string;
  readonly #key: webcrypto.CryptoKey;
  readonly #root: x509.X509Certificate;
  /** PEM of the authority's certificate. */
  readonly certificate: string;

  private constructor(folder: string, key: webcrypto.CryptoKey, certificate: string) {
    this.#folder = folder;
    this.#key = key;
    this.certificate = certificate;
    this.#root = new x509.X509Certificate(certificate);
  }

  /** Opens the authority in `dataDir`, making it first if there is none. */
  static async open(dataDir: string): Promise<Authority> {
    const folder = join(dataDir, "authority");
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    if (!existsSync(join(folder, "ca.pem"))) await createRoot(folder);
    const key = await importKey(readFileSync(join(folder, "ca.key"), "utf8"));
    return new Authority(folder, key, readFileSync(join(folder, "ca.pem"), "utf8"));
  }

  /** SHA-256 of the authority's public key (SPKI), hex: what an invitation names. */
  get keyDigest(): string {
    const spki = new NodeCertificate(this.certificate).publicKey.export({ type: "spki", format: "der" });
    return createHash("sha256").update(spki).digest("hex");
  }

  /** A key of 256 bits for a purpose of the controller's own, made from the authority's: who has the database alone does not have it. */
  keyFor(purpose: string): Buffer {
    const key = readFileSync(join(this.#folder, "ca.key"));
    return Buffer.from(hkdfSync("sha256", key, "", `convirt ${purpose}`, 32));
  }

  /** What the controller shows to agents when it calls them. */
  client(): Promise<KeyPair> {
    return this.#own("client", [{ type: "url", value: controllerName }], [x509.ExtendedKeyUsage.clientAuth]);
  }

  /** What it shows on its HTTPS port; `advertise` is the name that hosts and people use. */
  server(advertise: string): Promise<KeyPair> {
    const named = advertise.replace(/:\d+$/, "").replace(/^\[|\]$/g, "");
    const names = [...new Set([named, hostname(), "localhost", "127.0.0.1", "::1"])];
    return this.#own(
      "server",
      names.map((value) => ({ type: isIP(value) === 0 ? ("dns" as const) : ("ip" as const), value })),
      [x509.ExtendedKeyUsage.serverAuth],
    );
  }

  /** A host's certificate for its signing request. Throws Refusal signing_request_invalid. */
  async signHost(signingRequest: string, hostId: string): Promise<SignedHost> {
    let request: x509.Pkcs10CertificateRequest;
    try {
      request = new x509.Pkcs10CertificateRequest(signingRequest);
      if (!(await request.verify())) throw new Error("its signature does not hold");
    } catch (error) {
      throw new Refusal(
        "signing_request_invalid",
        `Cannot sign the host's request: ${error instanceof Error ? error.message : "it cannot be read"}`,
      );
    }
    const { name, namedCurve } = request.publicKey.algorithm as { name: string; namedCurve?: string };
    if (name !== "ECDSA" || (namedCurve !== "P-256" && namedCurve !== "P-384")) {
      throw new Refusal(
        "signing_request_invalid",
        `Cannot sign the host's request: its key is ${name} ${namedCurve ?? ""}, and must be ECDSA on P-256 or P-384`,
      );
    }
    // Nothing of the request but its key is taken over: who the host is, we say.
    const usages = [x509.ExtendedKeyUsage.serverAuth, x509.ExtendedKeyUsage.clientAuth];
    const certificate = await this.#sign(
      request.publicKey,
      hostId,
      [{ type: "url", value: `urn:convirt:host:${hostId}` }],
      usages,
      hostDays,
    );
    const pem = certificate.toString("pem");
    return { certificate: pem, fingerprint: fingerprintOf(pem), notAfter: certificate.notAfter.toISOString() };
  }

  /** One of the two of our own, renewed when a third of its life or less is left, or when it does not carry these names. */
  async #own(kind: "client" | "server", names: x509.JsonGeneralName[], usages: string[]): Promise<KeyPair> {
    const paths = { key: join(this.#folder, `${kind}.key`), certificate: join(this.#folder, `${kind}.pem`) };
    const stored = this.#stored(paths);
    if (stored !== undefined && isStillGood(stored.certificate, names)) return stored;
    const keys = await newKeys();
    const certificate = await this.#sign(
      keys.publicKey,
      kind === "client" ? "convirt-controller" : (names[0]?.value ?? "convirt-controller"),
      names,
      usages,
      ownDays,
    );
    const pair = {
      key: await exportKey(keys.privateKey),
      certificate: `${certificate.toString("pem").trimEnd()}\n${this.certificate}`,
    };
    put(paths.key, pair.key);
    put(paths.certificate, pair.certificate);
    return pair;
  }

  /** Undefined when there is none, or a start that was cut off left a key and a certificate that are not of one pair, or it is another authority's. */
  #stored(paths: KeyPair): KeyPair | undefined {
    if (!existsSync(paths.certificate) || !existsSync(paths.key)) return undefined;
    const pair = { key: readFileSync(paths.key, "utf8"), certificate: readFileSync(paths.certificate, "utf8") };
    const certificate = new NodeCertificate(pair.certificate);
    const isOurs = certificate.verify(new NodeCertificate(this.certificate).publicKey);
    return isOurs && certificate.checkPrivateKey(createPrivateKey(pair.key)) ? pair : undefined;
  }

  #sign(
    publicKey: x509.PublicKeyType,
    name: string,
    names: x509.JsonGeneralName[],
    usages: string[],
    days: number,
  ): Promise<x509.X509Certificate> {
    return x509.X509CertificateGenerator.create({
      subject: [{ CN: [name] }],
      issuer: this.#root.subject,
      publicKey,
      signingKey: this.#key,
      signingAlgorithm: algorithm,
      notBefore: new Date(Date.now() - skewMs),
      notAfter: new Date(Date.now() + days * dayMs),
      extensions: [
        new x509.BasicConstraintsExtension(false, undefined, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
        new x509.ExtendedKeyUsageExtension(usages),
        new x509.SubjectAlternativeNameExtension(names),
      ],
    });
  }
}

/** With more than a third of its life left, and every name in it. */
function isStillGood(pem: string, names: readonly x509.JsonGeneralName[]): boolean {
  const certificate = new x509.X509Certificate(pem);
  if (certificate.notAfter.getTime() - Date.now() <= (ownDays * dayMs) / 3) return false;
  const carried = certificate.getExtension(x509.SubjectAlternativeNameExtension)?.names.toJSON() ?? [];
  // An address is carried as bytes, and comes back in its longest form.
  return names.every(({ type, value }) =>
    type === "ip"
      ? new NodeCertificate(pem).checkIP(value) !== undefined
      : carried.some((one) => one.type === type && one.value === value),
  );
}

export function fingerprintOf(pem: string): string {
  return new NodeCertificate(pem).fingerprint256.replaceAll(":", "").toLowerCase();
}

async function createRoot(folder: string): Promise<void> {
  const keys = await newKeys();
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    name: [{ CN: ["ConVirt controller authority"] }],
    keys,
    signingAlgorithm: algorithm,
    notBefore: new Date(Date.now() - skewMs),
    notAfter: new Date(Date.now() + authorityDays * dayMs),
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
    ],
  });
  put(join(folder, "ca.key"), await exportKey(keys.privateKey));
  put(join(folder, "ca.pem"), `${certificate.toString("pem").trimEnd()}\n`);
}

function newKeys(): Promise<webcrypto.CryptoKeyPair> {
  return webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
}

async function exportKey(key: webcrypto.CryptoKey): Promise<string> {
  const body = Buffer.from(await webcrypto.subtle.exportKey("pkcs8", key)).toString("base64");
  return `-----BEGIN PRIVATE KEY-----\n${body.match(/.{1,64}/g)?.join("\n") ?? ""}\n-----END PRIVATE KEY-----\n`;
}

function importKey(pem: string): Promise<webcrypto.CryptoKey> {
  const der = Buffer.from(pem.replace(/-----[^-]+-----/g, "").replace(/\s/g, ""), "base64");
  return webcrypto.subtle.importKey("pkcs8", der, algorithm, false, ["sign"]);
}

function put(path: string, text: string): void {
  writeFileSync(`${path}.new`, text, { mode: 0o600, flush: true });
  renameSync(`${path}.new`, path);
}
