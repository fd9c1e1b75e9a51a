import { once } from "node:events";
import { existsSync, readdirSync } from "node:fs";
import { request as httpRequest, type IncomingMessage } from "node:http";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { gzipSync } from "node:zlib";
import { ApiClient, ApiError } from "@convirt/demo/api-client";
import Database from "better-sqlite3";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { startInstallation, type TestInstallation } from "./testing.js";

// A whole installation on a machine that is busy with other things: what is tested is what comes, not how soon.
vi.setConfig({ testTimeout: 240_000 });
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
}, 240_000);
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
  test.each(["1", "", "a,script=/x", "$(id)", "a b", "a/b", "../a", "a\nb", "a\u0000b", "-n", "é", "a".repeat(300)])(
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
    for (const value of ["a\u0000b", "a\u001bb", "a\u0085b"]) {
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

describe("an archive is refused, and nothing of it is in the store", () => {
  const good = { "Evil/vm_conf.template": "name=''\n" };
  test.each([
    ["with a name that leads out of it", () => tar([["../evil", {}]], good), "archive_invalid"],
    ["with an absolute name", () => tar([["/tmp/convirt-evil", {}]], good), "archive_invalid"],
    ["with a symbolic link", () => tar([["Evil/link", { type: "2", link: "/etc/passwd" }]], good), "archive_invalid"],
    ["with a hard link", () => tar([["Evil/link", { type: "1", link: "/etc/passwd" }]], good), "archive_invalid"],
    ["with a device", () => tar([["Evil/null", { type: "3" }]], good), "archive_invalid"],
    ["with a named pipe", () => tar([["Evil/pipe", { type: "6" }]], good), "archive_invalid"],
    ["with one name twice", () => tar([["Evil/vm_conf.template", {}]], good), "archive_invalid"],
    ["with one name in two cases", () => tar([["Evil/VM_CONF.template", {}]], good), "archive_invalid"],
    ["with a script of 2 MiB", () => tar([], { "Evil/provision.sh": "x".repeat(2 * mib) }), "archive_too_large"],
    ["that swells to a thousand times its size", bomb, "archive_too_large"],
  ])("%s", async (_what, archive, code) => {
    const before = readdirSync(t.store, { recursive: true });
    const error = await t.installation.client
      .call("importImage", { stream: await archive() })
      .catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code });
    expect(readdirSync(t.store, { recursive: true })).toEqual(before);
    expect(existsSync("/tmp/convirt-evil") || existsSync(join(t.folder, "evil"))).toBe(false);
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

  test("when its body is of 100 MB, before any of it is read", async () => {
    const headers = {
      authorization: `Bearer ${t.installation.client.token}`,
      "content-type": "application/json",
      "content-length": "100000000",
    };
    const call = httpRequest(`${t.installation.httpUrl}/api/v1/jobs`, { method: "POST", headers });
    call.flushHeaders();
    const [answer] = (await once(call, "response")) as [IncomingMessage];
    expect(answer.statusCode).toBe(413);
    expect(JSON.parse(await text(answer))).toMatchObject({ code: "body_too_large" });
    call.destroy();
    expect((await t.installation.client.call("listImages")).total).toBeGreaterThan(0);
  });

  test("when its token has expired, and nothing of it is done", async () => {
    const { client } = t.installation;
    const made = await client.call("createToken", { body: { name: "old" } });
    const before = await client.call("listJobs");
    expire(made.id);
    const late = new ApiClient(t.installation.httpUrl, made.token);
    const error = await late.call("provision", { body: body({ vm: "late" }) }).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ status: 401, code: "token_expired" });
    expect((await client.call("listJobs")).total).toBe(before.total);
  });

  test("for a host that is draining, until it takes jobs again", async () => {
    const { client } = t.installation;
    await client.call("drainHost", { params: { name: "xen1" }, body: { draining: true } });
    expect(await refusal(body({}))).toMatchObject({ status: 409, code: "host_draining" });
    await client.call("drainHost", { params: { name: "xen1" }, body: { draining: false } });
  });

  test("to retry a job that succeeded; to cancel one that has ended comes too late", async () => {
    const { client } = t.installation;
    const { items } = await client.call("listJobs", { query: { vm: "taken" } });
    const params = { id: items[0]?.id ?? "" };
    expect(await client.call("cancelJob", { params })).toMatchObject({ outcome: "too_late" });
    await expect(client.call("retryJob", { params })).rejects.toMatchObject({ code: "job_not_retryable" });
  });

  test("when nobody has signed in", async () => {
    const response = await fetch(`${t.installation.httpUrl}/api/v1/jobs`);
    expect(response.status).toBe(401);
    expect(await response.json()).toMatchObject({ code: "not_signed_in" });
  });
});

test("a host that is away takes no job and no act, says so, and goes on where it was when it is back", async () => {
  const { client } = t.installation;
  await t.installation.stopAgent("xen1");
  const contact = async () => (await client.call("showHost", { params: { name: "xen1" } })).contact;
  await expect.poll(contact, { timeout: 90_000 }).toBe("silent");
  expect(await refusal(body({}))).toMatchObject({ status: 409, code: "host_not_in_contact" });
  for (const act of ["startVm", "destroyVm", "removeVm"] as const) {
    const error = await client.call(act, { params: { id: "taken" } }).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ status: 409, code: "host_not_in_contact" });
  }
  await t.installation.restartAgent("xen1");
  await t.installation.inContact("xen1");
  expect(await client.call("startVm", { params: { id: "taken" } })).toMatchObject({ already: false });
});

const mib = 1024 * 1024;

interface Entry {
  /** The header's type: a plain file unless given. */
  type?: string;
  link?: string;
  size?: number;
}

/** A tar of plain files and then of entries that no packer would write. */
function tar(odd: [string, Entry][], files: Record<string, string>): Buffer {
  const parts = Object.entries(files).flatMap(([name, contents]) => {
    const bytes = Buffer.from(contents);
    return [header(name, { size: bytes.length }), bytes, Buffer.alloc((512 - (bytes.length % 512)) % 512)];
  });
  return Buffer.concat([...parts, ...odd.map(([name, entry]) => header(name, entry)), Buffer.alloc(1024)]);
}

function header(name: string, { type = "0", link = "", size = 0 }: Entry): Buffer {
  const block = Buffer.alloc(512);
  block.write(name, 0);
  block.write("0000644\x000000000\x000000000\0", 100);
  block.write(`${size.toString(8).padStart(11, "0")}\u00000000000 `, 124);
  block.write("        ", 148);
  block.write(type, 156);
  block.write(link, 157);
  block.write("ustar\x0000", 257);
  const sum = block.reduce((all, byte) => all + byte, 0);
  block.write(`${sum.toString(8).padStart(6, "0")}\u0000 `, 148);
  return block;
}

/** 400 MiB of zeros in 400 kB: gzip takes members one behind the other for one stream. */
function bomb(): Buffer {
  const zeros = gzipSync(Buffer.alloc(mib));
  return Buffer.concat([gzipSync(header("Evil/disk.img", { size: 400 * mib })), ...Array<Buffer>(400).fill(zeros)]);
}

/** Time itself is not ours to change: the token's end is put into the past where the controller keeps it. */
function expire(tokenId: string): void {
  const database = new Database(join(t.installation.folder, "controller", "convirt.db"), { timeout: 10_000 });
  database.prepare("UPDATE tokens SET expires_at = ? WHERE id = ?").run("2020-01-01T00:00:00.000Z", tokenId);
  database.close();
}
