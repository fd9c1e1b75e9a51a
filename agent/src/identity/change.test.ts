import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { silentLog, TestAuthority, temporaryFolder } from "../testing.js";
import { otherIdentity } from "./change.js";
import { type Identity, IdentityInvalid, saveIdentity } from "./identity.js";

let folder: ReturnType<typeof temporaryFolder>;
let state: string;
let authority: TestAuthority;
let ending: AbortController;

beforeEach(async () => {
  folder = temporaryFolder();
  state = join(folder.path, "state");
  authority = await TestAuthority.create();
  ending = new AbortController();
});
afterEach(() => {
  ending.abort();
  folder.remove();
});

const other = (current: () => Identity | undefined, log = silentLog) =>
  otherIdentity(state, current, { log, signal: ending.signal });

test("a host that is not enrolled, without even a state folder, is told its identity when it is", async () => {
  const waiting = other(() => undefined);
  const identity = await authority.hostIdentity("xen1");
  saveIdentity(state, identity);
  expect(await waiting).toEqual(identity);
});

test("the identity that one has is no other, also when it was renewed meanwhile", async () => {
  let current = await authority.hostIdentity("xen1");
  saveIdentity(state, current);
  const waiting = other(() => current);
  current = await authority.hostIdentity("xen1");
  saveIdentity(state, current);
  const next = await authority.hostIdentity("xen1");
  saveIdentity(state, next);
  expect(await waiting).toEqual(next);
});

test("what cannot be used is said, and does not end the wait of an agent that has an identity", async () => {
  const current = await authority.hostIdentity("xen1");
  saveIdentity(state, current);
  const said: string[] = [];
  let heard: () => void = () => undefined;
  const once = new Promise<void>((resolve) => {
    heard = resolve;
  });
  const waiting = other(() => current, {
    ...silentLog,
    error: (message) => {
      said.push(message);
      heard();
    },
  });
  writeFileSync(join(state, "identity", "identity.json"), "{}");
  await once;
  const next = await authority.hostIdentity("xen1");
  saveIdentity(state, next);
  expect(await waiting).toEqual(next);
  expect(said[0]).toContain("the one before stays");
});

test("an agent that has none is refused what cannot be used", async () => {
  saveIdentity(state, await authority.hostIdentity("xen1"));
  writeFileSync(join(state, "identity", "identity.json"), "{}");
  await expect(other(() => undefined)).rejects.toThrow(IdentityInvalid);
});

test("the wait ends when it is told to", async () => {
  const waiting = other(() => undefined);
  ending.abort();
  expect(await waiting).toBeUndefined();
});
