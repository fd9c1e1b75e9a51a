// The machine is cut off in the middle of a script, and then loses its power. Runs last but one: after it dom0 has booted a second time.
import { afterAll, expect, test } from "vitest";
import { host, rig, until } from "./rig.js";

afterAll(() => rig().remove("cut"));

test("contact is shown as lost; after the power has come back the job is lost, with what it left behind", async () => {
  const { client, dom0 } = rig();
  await rig().addImage("Endless_Linux", (file, text) =>
    file === "provision.sh"
      ? text.replace(
          "\nprovision_disks\n",
          "\nprovision_disks\nsync\necho made the disk\nfor n in $(seq 1000); do sleep 1; done\n",
        )
      : text,
  );
  const boot = (await client.call("showHost", { params: { name: host } })).facts?.bootId;
  const { id } = await rig().provision("Endless_Linux", "cut", { start: false });
  await until("the disk is made", async () => ((await client.log(id)).includes("made the disk") ? true : undefined));

  await dom0.monitor("set_link card off");
  await until("contact is lost", async () => {
    const { contactLostSince, status } = await client.call("showJob", { params: { id } });
    expect(status).toBe("running");
    return contactLostSince ?? undefined;
  });
  expect((await client.call("showHost", { params: { name: host } })).contact).toBe("silent");

  await dom0.monitor("system_reset");
  await dom0.monitor("set_link card on");
  await dom0.untilUp();
  await rig().inContact();
  const job = await client.ended(id);
  expect(job).toMatchObject({ status: "lost", vm: "cut" });
  expect(job.leftovers.map((one) => one.path).join()).toContain("cut");
  const after = (await client.call("showHost", { params: { name: host } })).facts?.bootId;
  expect(after).not.toBe(boot);
});
