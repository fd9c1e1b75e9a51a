import { X509Certificate } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { Authority, controllerName } from "./authority.js";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "convirt-authority-"));
});
afterEach(() => {
  vi.useRealTimers();
  rmSync(folder, { recursive: true, force: true });
});

const dayMs = 86_400_000;
const daysLeft = (pem: string) => Math.round((Date.parse(new X509Certificate(pem).validTo) - Date.now()) / dayMs);

describe("the authority", () => {
  test("is made at the first start with keys that only its user can read, and is the same from then on", async () => {
    const first = await Authority.open(folder);
    const again = await Authority.open(folder);
    expect(again.keyDigest).toBe(first.keyDigest);
    expect(first.keyDigest).toMatch(/^[0-9a-f]{64}$/);
    expect(daysLeft(first.certificate)).toBe(3650);
    const root = new X509Certificate(first.certificate);
    expect(root.ca).toBe(true);
    expect(root.publicKey.asymmetricKeyDetails?.namedCurve).toBe("prime256v1");
    await first.client();
    await first.server("x");
    for (const name of ["ca.key", "client.key", "server.key"])
      expect(statSync(join(folder, "authority", name)).mode & 0o777).toBe(0o600);
    expect(statSync(join(folder, "authority")).mode & 0o777).toBe(0o700);
  });

  test("gives the controller a client certificate with its name, and a server certificate with all of its names", async () => {
    const authority = await Authority.open(folder);
    const root = new X509Certificate(authority.certificate);
    const client = new X509Certificate((await authority.client()).certificate);
    expect(client.subjectAltName).toBe(`URI:${controllerName}`);
    expect(client.keyUsage).toEqual(["1.3.6.1.5.5.7.3.2"]);
    const pair = await authority.server("convirt.example:9443");
    const server = new X509Certificate(pair.certificate);
    for (const name of ["convirt.example", "localhost"]) expect(server.checkHost(name)).toBe(name);
    for (const address of ["127.0.0.1", "::1"]) expect(server.checkIP(address)).toBe(address);
    for (const certificate of [client, server]) {
      expect(certificate.ca).toBe(false);
      expect(certificate.verify(root.publicKey)).toBe(true);
    }
    // The chain shows the authority, by whose key hosts know the controller.
    expect(pair.certificate.match(/BEGIN CERTIFICATE/g)).toHaveLength(2);
    expect(pair.certificate).toContain(authority.certificate.trim());
  });

  test("gives certificates that are valid on a machine whose clock is half a day behind", async () => {
    const authority = await Authority.open(folder);
    for (const pem of [authority.certificate, (await authority.client()).certificate])
      expect(Date.parse(new X509Certificate(pem).validFrom)).toBeLessThan(Date.now() - dayMs / 2);
  });

  test("keeps a certificate while it is good, and makes a new one when a third of its life is left", async () => {
    const authority = await Authority.open(folder);
    const [client, server] = [await authority.client(), await authority.server("a")];
    expect(await authority.client()).toEqual(client);
    expect(await authority.server("a")).toEqual(server);
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 300 * dayMs });
    expect((await authority.client()).certificate).not.toBe(client.certificate);
    expect((await authority.server("a")).certificate).not.toBe(server.certificate);
    expect(daysLeft((await authority.server("a")).certificate)).toBe(397);
  });

  test("makes a new server certificate for a new name, also for one that is part of the old", async () => {
    const authority = await Authority.open(folder);
    const old = await authority.server("xen10.example");
    const made = await authority.server("xen1");
    expect(made.certificate).not.toBe(old.certificate);
    expect(new X509Certificate(made.certificate).checkHost("xen1")).toBe("xen1");
  });

  test("makes a pair anew of which a start that was cut off left the key of another", async () => {
    const authority = await Authority.open(folder);
    const old = await authority.client();
    writeFileSync(join(folder, "authority", "client.key"), (await authority.server("a")).key);
    const made = await authority.client();
    expect(made.certificate).not.toBe(old.certificate);
    expect(readFileSync(join(folder, "authority", "client.key"), "utf8")).toBe(made.key);
  });
});
