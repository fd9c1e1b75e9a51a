import { readdirSync } from "node:fs";
import { ApiError } from "@convirt/demo/api-client";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startInstallation, type TestInstallation } from "./testing.js";

let t: TestInstallation;

beforeAll(async () => {
  t = await startInstallation(["xen1"]);
  await t.addImage("Locked", {
    imageConf:
      "VM_DISKS_DIR='/d'\nVM_CONF_DIR='/c'\nsecret_size=1\nbridge='xenbr0'\ncustomizable_options=['VM_DISKS_DIR','VM_CONF_DIR','bridge']\n",
    vmConf: "name=''\nmemory=32\nkernel='/bin/sh'\nvif=['bridge=$bridge']\ncustomizable_options=[]\n",
    script: "#!/bin/bash\nexit 0\n",
  });
  await t.addImage("Broken", { imageConf: "a = (\n", script: "#!/bin/bash\n" });
  await t.addImage("_Half", { script: "#!/bin/bash\n" });
  await t.addImage("For_Kvm", { vmConf: "name=''\nplatform='kvm'\n", script: "#!/bin/bash\n" });
}, 60_000);
afterAll(() => t.stop());

const body = (more: object) => ({
  image: "Tiny_Linux",
  host: "xen1",
  vm: "victim",
  imageConf: t.installation.places("xen1"),
  ...more,
});

/** The refusal's code, after making sure that nothing has changed. */
async function refusal(request: object): Promise<ApiError> {
  const { client } = t.installation;
  const before = await client.call("listJobs");
  const files = readdirSync(t.installation.host("xen1").folder);
  const error = await client.call("provision", { body: request }).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(ApiError);
  expect((await client.call("listJobs")).total).toBe(before.total);
  expect(readdirSync(t.installation.host("xen1").folder)).toEqual(files);
  return error as ApiError;
}

describe("a VM's name is refused", () => {
  test.each(["1", "", "a,script=/x", "$(id)", "a b", "a/b", "../a", "a\nb", "a\0b", "-n", "é", "a".repeat(300)])(
    "when it is %j",
    async (vm) => {
      const error = await refusal(body({ vm }));
      expect(error).toMatchObject({ status: 400, code: "invalid_body" });
      expect(error.body["fields"]).toEqual([expect.objectContaining({ path: "vm" })]);
    },
  );

  test("when a VM has it already", async () => {
    const { client } = t.installation;
    const made = await client.call("provision", {
      body: body({ vm: "taken", imageConf: { ...t.installation.places("xen1"), guest_kernel: "/bin/busybox" } }),
    });
    expect(await client.ended(made.id)).toMatchObject({ status: "succeeded" });
    expect(await refusal(body({ vm: "taken" }))).toMatchObject({ status: 409, code: "vm_name_taken" });
  });
});

describe("a value is refused", () => {
  test("when it holds a NUL or another control character", async () => {
    for (const value of ["a\0b", "a\u001bb", "a\u0085b"]) {
      expect(await refusal(body({ imageConf: { ...t.installation.places("xen1"), greeting: value } }))).toMatchObject({
        code: "option_invalid",
      });
    }
  });

  test("when it is of the wrong type, and the option is named", async () => {
    const error = await refusal(body({ imageConf: { xvda_disk_size: "large" } }));
    expect(error).toMatchObject({ status: 422, code: "option_invalid" });
    expect(error.message).toContain("xvda_disk_size");
  });

  test("when the image's author locked the option, in either file", async () => {
    expect(await refusal(body({ image: "Locked", imageConf: { secret_size: 2 } }))).toMatchObject({
      status: 422,
      code: "option_not_customizable",
    });
    expect(await refusal(body({ image: "Locked", vmConf: { memory: 64 } }))).toMatchObject({
      status: 422,
      code: "option_not_customizable",
    });
  });

  test("when it would add a part to a network entry that it was not meant for", async () => {
    const error = await refusal(body({ image: "Locked", imageConf: { bridge: "xenbr0,script=/tmp/evil" } }));
    expect(error).toMatchObject({ code: "option_invalid" });
    expect(error.message).toContain("adds a part");
  });
});

describe("a request is refused", () => {
  test("for a disk outside of the host's folders, by the host itself, before anything is made", async () => {
    const { client } = t.installation;
    const job = await client.ended(
      (
        await client.call("provision", {
          body: body({ vm: "outside", imageConf: { VM_DISKS_DIR: "/etc/convirt-evil", guest_kernel: "/bin/busybox" } }),
        })
      ).id,
    );
    expect(job).toMatchObject({ status: "failed", phase: "check", code: "check_failed" });
    expect(job.message).toContain("outside of the folders");
    expect(readdirSync("/etc")).not.toContain("convirt-evil");
  });

  test.each([
    ["Broken", "image_rejected"],
    ["_Half", "image_is_template"],
    ["For_Kvm", "image_other_platform"],
    ["No_Such_Image", "not_found"],
  ])("for the image %s with %s", async (image, code) => {
    expect(await refusal(body({ image, imageConf: {} }))).toMatchObject({ code });
  });

  test("for a host that is not there", async () => {
    expect(await refusal(body({ host: "xen9" }))).toMatchObject({ status: 404, code: "not_found" });
  });

  test("when it names a field that nobody knows", async () => {
    const error = await refusal(body({ replaceDisk: true }));
    expect(error).toMatchObject({ status: 400, code: "invalid_body" });
  });

  test("when its body is of 100 MB, without being read to the end", async () => {
    const response = await fetch(`${t.installation.httpUrl}/api/v1/jobs`, {
      method: "POST",
      headers: { authorization: `Bearer ${t.installation.client.token}`, "content-type": "application/json" },
      body: `{"vm":"${"a".repeat(100_000_000)}"}`,
    }).then(
      (answer) => answer.status,
      // The controller may have closed the connection before all of it was sent.
      () => 413,
    );
    expect(response).toBe(413);
    expect((await t.installation.client.call("listJobs")).page).toBe(1);
  });

  test("when nobody has signed in", async () => {
    const response = await fetch(`${t.installation.httpUrl}/api/v1/jobs`);
    expect(response.status).toBe(401);
    expect(await response.json()).toMatchObject({ code: "not_signed_in" });
  });
});
