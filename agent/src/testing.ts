// What the agent's tests stand on: a folder of their own, a Xen that is not there, an authority that signs, and an agent over a real loopback connection.
import { randomUUID, webcrypto } from "node:crypto";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import "reflect-metadata";
import * as x509 from "@peculiar/x509";
import { type AgentRequest, startAgent } from "./agent.js";
import type { AgentConfig } from "./config/config.js";
import type { Identity } from "./identity/identity.js";
import type { Log } from "./log.js";

x509.cryptoProvider.set(webcrypto as unknown as Parameters<typeof x509.cryptoProvider.set>[0]);
const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
const dayMs = 86_400_000;

export function temporaryFolder(): { path: string; remove: () => void } {
  const path = mkdtempSync(join(tmpdir(), "convirt-agent-"));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

/** A program `xl` in the folder that is fake-xen, and a way to make it misbehave. */
export interface FakeXen {
  xl: string;
  misbehave: (how: Record<string, object>) => void;
  /** The subcommands that were begun, in their order. */
  calls: () => string[];
}

export function fakeXen(folder: string, name: "xl" | "xm" = "xl"): FakeXen {
  const domains = join(folder, "xen");
  mkdirSync(domains, { recursive: true });
  const program = fileURLToPath(new URL("../../fake-xen/dist/fake-xen.cjs", import.meta.url));
  const xl = writeProgram(
    folder,
    name,
    `echo "$1" >> '${domains}/calls'\nFAKE_XEN_DIR='${domains}' exec '${process.execPath}' '${program}' ${name} "$@"`,
  );
  return {
    xl,
    misbehave: (how) => {
      // As a whole: xl may be called at any moment.
      const path = join(domains, "misbehave.json");
      writeFileSync(`${path}.new`, JSON.stringify(how));
      renameSync(`${path}.new`, path);
    },
    calls: () => (existsSync(join(domains, "calls")) ? readFileSync(join(domains, "calls"), "utf8").split("\n") : []),
  };
}

/** A shell script that can be run, by its path. */
export function writeProgram(folder: string, name: string, script: string): string {
  mkdirSync(join(folder, "bin"), { recursive: true });
  const path = join(folder, "bin", name);
  writeFileSync(path, `#!/bin/sh\n${script}\n`);
  chmodSync(path, 0o755);
  return path;
}

export interface KeyPair {
  key: string;
  certificate: string;
}

/** From yesterday for six days unless given. */
interface Lifetime {
  startsAt?: Date;
  endsAt?: Date;
}

/** The controller's authority, as its own room makes it. */
export class TestAuthority {
  readonly certificate: string;
  readonly #root: x509.X509Certificate;
  readonly #key: webcrypto.CryptoKey;

  private constructor(root: x509.X509Certificate, key: webcrypto.CryptoKey) {
    this.#root = root;
    this.#key = key;
    this.certificate = root.toString("pem");
  }

  static async create(): Promise<TestAuthority> {
    const keys = await webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
    const root = await x509.X509CertificateGenerator.createSelfSigned({
      name: [{ CN: ["authority"] }],
      keys,
      signingAlgorithm: algorithm,
      notBefore: new Date(Date.now() - dayMs),
      notAfter: new Date(Date.now() + 10 * dayMs),
      extensions: [new x509.BasicConstraintsExtension(true, 0, true)],
    });
    return new TestAuthority(root, keys.privateKey);
  }

  /** The names of the certificate: `urn:…` or a DNS name. */
  async issue(name: string, options: Lifetime = {}): Promise<KeyPair> {
    const keys = await webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
    const body = Buffer.from(await webcrypto.subtle.exportKey("pkcs8", keys.privateKey)).toString("base64");
    const key = `-----BEGIN PRIVATE KEY-----\n${body.match(/.{1,64}/g)?.join("\n") ?? ""}\n-----END PRIVATE KEY-----\n`;
    return { key, certificate: await this.#sign(keys.publicKey, name, options) };
  }

  async sign(signingRequest: string, hostId: string): Promise<string> {
    const request = new x509.Pkcs10CertificateRequest(signingRequest);
    if (!(await request.verify())) throw new Error("The request's signature does not hold");
    return this.#sign(request.publicKey, `urn:convirt:host:${hostId}`);
  }

  async hostIdentity(host: string, options: Lifetime = {}): Promise<Identity> {
    const hostId = randomUUID();
    const pair = await this.issue(`urn:convirt:host:${hostId}`, options);
    return { hostId, host, ...pair, ca: this.certificate };
  }

  async #sign(publicKey: x509.PublicKeyType, name: string, lifetime: Lifetime = {}): Promise<string> {
    const certificate = await x509.X509CertificateGenerator.create({
      subject: [{ CN: [name] }],
      issuer: this.#root.subject,
      publicKey,
      signingKey: this.#key,
      signingAlgorithm: algorithm,
      notBefore: lifetime.startsAt ?? new Date(Date.now() - dayMs),
      notAfter: lifetime.endsAt ?? new Date(Date.now() + 5 * dayMs),
      extensions: [
        new x509.SubjectAlternativeNameExtension([{ type: name.startsWith("urn:") ? "url" : "dns", value: name }]),
      ],
    });
    return certificate.toString("pem");
  }
}

export const silentLog: Log = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};

/** Settings with every folder below the one given, and a port that is free. */
export function testConfig(folder: string, toolstack: string): AgentConfig {
  return {
    listen: "127.0.0.1:0",
    advertise: "",
    storeDir: join(folder, "store"),
    logDir: join(folder, "logs"),
    stateDir: join(folder, "state"),
    consoleLogDir: join(folder, "console"),
    toolstack,
    defaultBridge: "xenbr0",
    concurrency: { jobs: 2, creates: 1 },
    policy: { diskRoots: [join(folder, "disks")], longestScriptMs: 60_000, forbiddenKeys: [] },
    limits: { logMib: 1, stopGraceMs: 1_000, stagingMs: 60_000 },
    scopes: "never",
    logLevel: "error",
  };
}

export type TestAgent = Awaited<ReturnType<typeof startAgent>>;

export function testAgent(request: Pick<AgentRequest, "config" | "identity"> & { log?: Log }): Promise<TestAgent> {
  return startAgent({ log: silentLog, version: "0.0.0-test", command: "/bin/false", useScopes: false, ...request });
}

/** Waits until `holds` gives something, for nearly as long as a test may last. */
export async function until<T>(holds: () => T | undefined | Promise<T | undefined>): Promise<T> {
  const end = Date.now() + 25_000;
  for (;;) {
    const found = await holds();
    if (found !== undefined) return found;
    if (Date.now() > end) throw new Error("It did not come to be within 25 s");
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
