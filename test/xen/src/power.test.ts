import type { VmState } from "@convirt/contract/vm";
import { afterAll, beforeAll, expect, test } from "vitest";
import { rig, until } from "./rig.js";

const id = "power";
const act = (name: "startVm" | "shutdownVm" | "destroyVm" | "pauseVm" | "unpauseVm" | "rebootVm") =>
  rig().client.call(name, { params: { id } });
/** The letters of `xl list`, without the dashes; empty when the domain is not in it. */
const letters = async () =>
  (await rig().dom0.must(`xl list | awk '$1 == "${id}" { print $5 }'`)).trim().replaceAll("-", "");

beforeAll(async () => {
  await rig().make("Tiny_Linux", id);
  await rig().console(id, /Hello from power/);
});
afterAll(() => rig().remove(id));

test("pause and unpause are seen as xl has them, and a wish that holds is fulfilled already", async () => {
  expect((await act("pauseVm")).already).toBe(false);
  await rig().seen(id, ({ state }) => state === "paused");
  expect(await letters()).toBe("p");
  expect((await act("pauseVm")).already).toBe(true);
  expect((await act("unpauseVm")).already).toBe(false);
  await rig().seen(id, ({ state }) => state === "running");
  expect(await letters()).not.toContain("p");
});

test("a reboot gives another domain, and the VM is never shown as stopped", async () => {
  const before = (await rig().vm(id)).domainId;
  const shown = new Set<VmState>();
  await act("rebootVm");
  const after = await until("the VM has another domain", async () => {
    const vm = await rig().vm(id);
    shown.add(vm.state);
    return vm.domainId !== null && vm.domainId !== before && vm.state === "running" ? vm.domainId : undefined;
  });
  expect(shown).not.toContain("stopped");
  expect((await rig().dom0.must(`xl domid ${id}`)).trim()).toBe(String(after));
  await rig().console(id, /Hello from power[\s\S]*Hello from power/);
});

test("shutdown stops it, start runs it again, destroy stops it at once", async () => {
  await act("shutdownVm");
  await rig().seen(id, ({ state }) => state === "stopped");
  expect(await letters()).toBe("");
  expect((await act("shutdownVm")).already).toBe(true);
  expect((await act("startVm")).already).toBe(false);
  const vm = await rig().seen(id, ({ state }) => state === "running");
  expect((await rig().dom0.must(`xl domid ${id}`)).trim()).toBe(String(vm.domainId));
  expect((await act("startVm")).already).toBe(true);
  await act("destroyVm");
  await rig().seen(id, ({ state }) => state === "stopped");
  expect(await letters()).toBe("");
});
