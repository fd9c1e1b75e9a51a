import { mkdirSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { TestAuthority, temporaryFolder } from "../testing.js";
import { type Identity, loadIdentity, notAfter, saveIdentity } from "./identity.js";

const folder = temporaryFolder();
afterAll(() => folder.remove());
let authority: TestAuthority;
let identity: Identity;
beforeAll(async () => {
  authority = await TestAuthority.create();
  identity = await authority.hostIdentity("xen1");
});

test("an identity is kept whole, for root's eyes alone, and replaced by the next", async () => {
  const state = join(folder.path, "kept");
  expect(loadIdentity(state)).toBeUndefined();
  saveIdentity(state, identity);
  expect(loadIdentity(state)).toEqual(identity);
  const next = await authority.hostIdentity("xen1");
  saveIdentity(state, next);
  expect(loadIdentity(state)).toEqual(next);
  expect(readdirSync(join(state, "identity"))).toEqual(["identity.json"]);
  expect(statSync(join(state, "identity")).mode & 0o777).toBe(0o700);
  expect(statSync(join(state, "identity", "identity.json")).mode & 0o777).toBe(0o600);
  expect(notAfter(next).getTime()).toBeGreaterThan(Date.now());
});

test("a certificate that is not ours is not kept, and the one before stays", async () => {
  const state = join(folder.path, "refused");
  saveIdentity(state, identity);
  const other = await authority.hostIdentity("xen2");
  const stranger = await (await TestAuthority.create()).issue(`urn:convirt:host:${identity.hostId}`);
  const ended = await authority.hostIdentity("xen1", { endsAt: new Date(Date.now() - 1000) });
  const wrong: [Identity, string][] = [
    [{ ...identity, certificate: other.certificate }, "not for the key of this host"],
    [{ ...identity, ...stranger }, "not signed by the controller's authority"],
    [
      { ...identity, key: other.key, certificate: other.certificate },
      `must name "URI:urn:convirt:host:${identity.hostId}"`,
    ],
    [ended, "is this host's clock right?"],
    [{ ...identity, certificate: "nothing" }, "cannot be read"],
  ];
  for (const [one, why] of wrong) expect(() => saveIdentity(state, one), why).toThrow(why);
  expect(loadIdentity(state)).toEqual(identity);
});

test.each(["", "{}", '{"hostId":"1","host":"x","key":"","certificate":"","ca":""}'])(
  "a file that is no identity is named: %s",
  (text) => {
    const state = join(folder.path, `broken-${text.length}`);
    mkdirSync(join(state, "identity"), { recursive: true });
    writeFileSync(join(state, "identity", "identity.json"), text);
    expect(() => loadIdentity(state)).toThrow(`Cannot use ${state}/identity/identity.json`);
  },
);
