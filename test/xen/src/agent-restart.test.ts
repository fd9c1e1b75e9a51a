// Neither a restart of the service, nor an upgrade of its package, nor its sudden death ends a script, loses a byte of its log, or ends the monitor of a domain.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { basename } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { rig, until } from "./rig.js";

const lines = 30;
const agentPid = async () => (await rig().dom0.must("systemctl show convirt-agent --property=MainPID --value")).trim();

beforeAll(async () => {
  await rig().addImage("Slow_Linux", (file, text) =>
    file === "provision.sh"
      ? text.replace(
          "\nprovision_disks\n",
          `\nfor n in $(seq ${lines}); do echo "line $n of ${lines}"; sleep 1; done\nprovision_disks\n`,
        )
      : text,
  );
  await rig().make("Tiny_Linux", "guest");
  await rig().console("guest", /Hello from guest/);
});
afterAll(() => rig().remove("guest", "slow"));

const upgrade = async () => {
  const { newerAgentPackage } = rig().places;
  const deb = `/root/${basename(newerAgentPackage)}`;
  await rig().dom0.must(`cat >${deb}`, { input: readFileSync(newerAgentPackage) });
  await rig().dom0.must(`apt-get install --yes --no-install-recommends ${deb}`);
};

test.each([
  ["systemctl restart", () => rig().dom0.must("systemctl restart convirt-agent")],
  ["kill -9", async () => rig().dom0.must(`kill -9 ${await agentPid()}`)],
  ["an upgrade of the package", upgrade],
])("%s in the middle of a script: it ends, its log is whole, and the guest that runs goes on", async (_how, act) => {
  const domain = (await rig().vm("guest")).domainId;
  const pid = await agentPid();
  const { id } = await rig().provision("Slow_Linux", "slow", { start: false });
  await until("the script is under way", async () =>
    (await rig().client.log(id)).includes("line 2 of") ? true : undefined,
  );
  await act();
  const job = await rig().client.ended(id);
  expect(job, job.message ?? "").toMatchObject({ status: "succeeded", exitCode: 0 });
  expect(await agentPid()).not.toBe(pid);

  const log = await rig().client.log(id);
  expect(createHash("sha256").update(log).digest("hex")).toBe(job.logSha256);
  const counted = log
    .toString()
    .split("\n")
    .filter((line) => /^line \d+ of/.test(line));
  expect(counted).toEqual(Array.from({ length: lines }, (_, n) => `line ${n + 1} of ${lines}`));
  const guest = await rig().seen("guest", ({ state }) => state === "running");
  expect(guest.domainId).toBe(domain);
  await rig().remove("slow");
});

test("after all of that a reboot from inside the guest still restarts it", async () => {
  const before = (await rig().vm("guest")).domainId;
  // The guest's own kernel reboots on this, as on a `reboot` in it; who must act then is the monitor that `xl create` left long ago.
  await rig().dom0.must("xl reboot guest");
  const after = await rig().seen("guest", (vm) => vm.state === "running" && vm.domainId !== before);
  expect(after.domainId).toBeGreaterThan(before ?? 0);
});
