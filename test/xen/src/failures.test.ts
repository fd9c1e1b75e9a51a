// What real Xen refuses: each ends before anything was done, or as a failed job with xl's own words, and leaves nothing that was not there.
import { afterAll, beforeAll, expect, test } from "vitest";
import { rig, type Wish } from "./rig.js";

let before: string;

beforeAll(async () => {
  await rig().addImage("Card_Linux", (file, text) =>
    file === "vm_conf.template"
      ? text.replace("on_shutdown", "vif=['bridge=$card_bridge']\non_shutdown")
      : addOption(file, text, "card_bridge='xenbr0'"),
  );
  await rig().addImage("Missing_Disk", (file, text) =>
    file === "vm_conf.template"
      ? text.replace(
          /^disk=.*$/m,
          "disk=['file:$VM_DISKS_DIR/$VM_NAME.disk.xm,xvda,w','file:$VM_DISKS_DIR/absent.img,xvdb,w']",
        )
      : text,
  );
  await rig().addImage("Odd_Kind", (file, text) => (file === "vm_conf.template" ? `${text}\ntype='zzz'\n` : text));
  await rig().make("Tiny_Linux", "taken");
  before = await rig().belongings();
});
afterAll(() => rig().remove("taken", "unwanted"));

function addOption(file: string, text: string, line: string): string {
  if (file !== "image.conf") return text;
  const name = line.split("=")[0];
  return `${text.replace("customizable_options=[", `customizable_options=['${name}', `)}\n${line}\n`;
}

/** The refusal's code and words, or the failed job's. */
async function attempt(image: string, wish: Wish, vm = "unwanted"): Promise<{ code: string | null; message: string }> {
  try {
    const { id } = await rig().provision(image, vm, wish);
    const job = await rig().client.ended(id);
    expect(job.status, `${image} ${job.message}`).toBe("failed");
    if (job.leftovers.length > 0) await rig().client.call("cleanJob", { params: { id } });
    return { code: job.code, message: job.message ?? "" };
  } catch (error) {
    const { code, message } = error as { code: string; message: string };
    return { code, message };
  }
}

test("a name that is taken is refused", async () => {
  expect(await attempt("Tiny_Linux", {}, "taken")).toMatchObject({ code: "vm_name_taken" });
  expect(await rig().belongings()).toBe(before);
});

test("a bridge that is not there is refused, and named", async () => {
  const { message } = await attempt("Card_Linux", { imageConf: { card_bridge: "nobr9" } });
  expect(message).toContain("nobr9");
  expect(await rig().belongings()).toBe(before);
});

test("more memory than the host has is refused", async () => {
  const { message } = await attempt("Tiny_Linux", { vmConf: { memory: 8192 } });
  expect(message).toMatch(/8192/);
  expect(await rig().belongings()).toBe(before);
});

test("a kernel that is none fails with xl's own words", async () => {
  const { code, message } = await attempt("Tiny_Linux", { imageConf: { guest_kernel: "/etc/passwd" } });
  expect(code).toBe("toolstack_failed");
  expect(message).toMatch(/xl create[\s\S]*(libxl|xc:|xl:|failed)/);
  expect(await rig().belongings()).toBe(before);
});

test("a disk that the script did not make is not proven", async () => {
  const { code, message } = await attempt("Missing_Disk", {});
  expect(["not_proven", "check_failed", "host_refused"]).toContain(code);
  expect(message).toContain("absent.img");
  expect(await rig().belongings()).toBe(before);
});

test("a configuration that xl refuses is not proven, in xl's own words", async () => {
  const { message } = await attempt("Odd_Kind", {});
  expect(message).toMatch(/zzz/);
  expect(await rig().belongings()).toBe(before);
});
