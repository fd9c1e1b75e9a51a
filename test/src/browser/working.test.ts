import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { hasBrowser, seriousFaults, TestBrowser } from "./browser.js";
import { type Scene, startScene } from "./scene.js";

describe.skipIf(!hasBrowser)("in a browser", () => {
  let scene: Scene;
  let browser: TestBrowser;

  beforeAll(async () => {
    scene = await startScene();
    browser = await TestBrowser.start(scene.installation.httpUrl);
  }, 600_000);
  afterEach(() => browser.settle());
  afterAll(async () => {
    scene.release();
    await browser.stop();
    await scene.stop();
  });

  const open = (path: string, options = {}) => browser.opened(scene.installation.adminPassword, path, options);

  test("a host's page says what is staged there, in which version, and when it was last used", async () => {
    const page = await open("/hosts/xen2?tab=staged");
    await page
      .getByRole("row", {
        name: /^Debian_12_web [0-9a-f]{8} as it is now .*(ago|now) .*(ago|now) [\d.]+ KiB Remove Debian_12_web from xen2$/,
      })
      .waitFor();
    await page.getByRole("row", { name: /^common [0-9a-f]{8} for all images/ }).waitFor();
    expect(await seriousFaults(page)).toEqual([]);
    await page.goto("/hosts/xen3?tab=staged");
    await page.getByText("host_not_in_contact").waitFor();
  }, 600_000);

  test("a staged image is removed after what that means was said; the row goes, and the next job is told of as sending it anew", async () => {
    const page = await open("/hosts/xen2?tab=staged");
    const act = page.getByRole("button", { name: "Remove Debian_12_mirror from xen2" });
    await act.click();
    const dialog = page.getByRole("dialog");
    await dialog.getByText(/VMs that were made of it stay as they are/).waitFor();
    await dialog.getByText(/has its files sent anew, [\d.]+ KiB as the image is now/).waitFor();
    expect(await seriousFaults(page)).toEqual([]);
    await dialog.getByRole("button", { name: "Leave as it is" }).click();
    await act.click();
    await dialog.getByRole("button", { name: "Remove from the host" }).click();
    await page
      .getByRole("status")
      .getByText(/^Debian_12_mirror is removed from xen2: [\d.]+ KiB freed$/)
      .waitFor();
    await act.waitFor({ state: "detached" });
    expect(await page.getByRole("button", { name: /^Remove common/ }).count()).toBe(0);
    const { items } = await scene.installation.client.call("listStaged", { params: { name: "xen2" } });
    expect(items.map(({ name }) => name)).not.toContain("Debian_12_mirror");
  }, 600_000);

  test("a failed job says in which phase, why, and what it left", async () => {
    const page = await open(`/jobs/${scene.failedJob}`);
    await page.getByRole("heading", { level: 2, name: /Failed in script/ }).waitFor();
    await page.getByText("script_failed").first().waitFor();
    await page.getByText("the mirror does not answer").waitFor();
    await page.getByRole("tab", { name: /Leftovers/ }).click();
    await page.getByRole("cell", { name: /intranet\.disk\.xm/ }).waitFor();
    expect(await seriousFaults(page)).toEqual([]);
  }, 600_000);

  test("what a failed job left is cleaned up by its button, and the page says so", async () => {
    const page = await open(`/jobs/${scene.failedJob}?tab=leftovers`);
    await page.getByRole("button", { name: /^Clean up \d+ leftovers?$/ }).click();
    await page
      .getByRole("dialog")
      .getByRole("button", { name: /^Clean up/ })
      .click();
    await page
      .getByText(/Cleaned by admin/)
      .first()
      .waitFor();
    await page.getByRole("button", { name: /^Clean up/ }).waitFor({ state: "detached" });
  }, 600_000);

  test("a locked field is shown locked, the preview says what will happen, and then it does", async () => {
    const page = await open("/provision?image=Debian_12_web&host=xen2");
    await page.getByRole("textbox", { name: "Name", exact: true }).fill("shop-1");
    await page.getByText("The name is free").waitFor();
    await page.locator("summary", { hasText: "Boot" }).click();
    expect(await page.getByLabel("kernel", { exact: true }).isDisabled()).toBe(true);
    await page.locator("summary", { hasText: "Disks" }).click();
    for (const [name, value] of Object.entries(scene.installation.places("xen2")))
      await page.getByLabel(name, { exact: true }).fill(value);
    await page.getByRole("button", { name: "Preview" }).click();
    await page.getByText("xen2 can take it").waitFor();
    await page.getByRole("button", { name: "Provision shop-1 on xen2" }).click();
    await page.getByText("unpacking base system").waitFor();
    await page.getByText("Succeeded").first().waitFor();
  }, 600_000);

  test("one act on several VMs has a result for each", async () => {
    const page = await open("/vms");
    for (const name of ["web-3", "build-runner"]) await page.getByLabel(`Select ${name}`).check();
    await page.getByRole("button", { name: "Start", exact: true }).click();
    await page.getByRole("region", { name: "Start 2 VMs" }).getByRole("button", { name: "Start" }).click();
    await page.getByText("1 of 2 VMs went well, 1 did not").waitFor();
    await page.getByText("host_not_in_contact").waitFor();
  }, 600_000);

  test("an image is made like another; an error is marked as one types, mended, compared and saved", async () => {
    const page = await open("/images/Debian_12_web");
    await page.getByRole("button", { name: "Create like" }).click();
    await page.getByLabel("Its name").fill("Debian_12_shop");
    await page.getByRole("button", { name: "Create it" }).click();
    const source = page.getByLabel("Source of image.conf");
    await source.click();
    await page.keyboard.press("Control+End");
    await page.keyboard.type("broken = = 1");
    await page.getByText("1 error", { exact: true }).waitFor();
    for (let left = "broken = = 1".length; left > 0; left--) await page.keyboard.press("Backspace");
    await page.keyboard.type("extra_packages=[]");
    await page.getByLabel("extra_packages").waitFor();
    await page.getByRole("button", { name: "Save" }).click();
    await page.getByRole("region", { name: "What changes in image.conf" }).getByText("extra_packages=[]").waitFor();
    await page.getByRole("dialog").getByRole("button", { name: "Save" }).click();
    await page.getByRole("dialog").waitFor({ state: "hidden" });
    const { text } = await scene.installation.client.call("readFile", {
      params: { name: "Debian_12_shop", path: "image.conf" },
    });
    expect(text).toContain("extra_packages=[]");
  }, 600_000);

  test("two versions are chosen by keyboard and compared, at an address of their own, either way round", async () => {
    const page = await open("/images/Debian_12_web?tab=versions");
    const [before, after] = scene.versions;
    await page.getByRole("radio", { name: `From ${after}` }).focus();
    await page.keyboard.press("Space");
    await page.getByText("Choose two versions to compare.").waitFor();
    await page.getByRole("radio", { name: `From ${before}` }).focus();
    await page.keyboard.press("Space");
    await page.getByRole("link", { name: `Compare ${before.slice(0, 8)} with ${after.slice(0, 8)}` }).focus();
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { level: 1, name: "Compare two versions of Debian_12_web" }).waitFor();
    expect(new URL(page.url()).pathname).toBe(`/images/Debian_12_web/versions/${before}/${after}`);
    await page.getByText("3 files differ; 2 files are the same.").waitFor();
    const script = page.getByRole("region", { name: "provision.sh" });
    expect(await script.locator("[data-kind=added]").allTextContents()).toEqual([
      expect.stringMatching(/^\+added: printf .*locale is not set/),
    ]);
    expect(await script.locator("[data-kind=removed]").count()).toBe(0);
    await page.getByRole("region", { name: "NOTES" }).getByText("added;").waitFor();
    expect(await page.getByRole("region", { name: "image.conf" }).locator("[data-kind=removed]").count()).toBe(2);
    await page.getByRole("link", { name: "The other way round" }).click();
    await script.locator("[data-kind=removed]").first().waitFor();
    expect(await script.locator("[data-kind=added]").count()).toBe(0);
    await page.goto(`/images/Debian_12_web/versions/${before}/00000000`);
    await page.getByRole("heading", { level: 1, name: "Cannot compare the versions" }).waitFor();
    await page.getByText("not_found").waitFor();
  }, 600_000);

  test("nothing that a file, a name or a log says becomes part of the page", async () => {
    const evil = `<img src=x onerror=alert(1)><script>alert(2)</script><svg onload=alert(3)>"'><a href="javascript:alert(4)">x</a>`;
    await scene.addImage("Hostile", {
      script: `#!/bin/bash\ncat <<'LOG'\n${evil}\n\u001b]0;title\u0007\u001b]8;;javascript:alert(5)\u0007link\u001b]8;;\u0007\u001b[31m${evil}\u001b[0m\u202egnp.exe\nLOG\necho '${evil.replaceAll("'", "")}' >&2\nexit 3\n`,
      imageConf: `greeting=${JSON.stringify(evil)}\nVM_DISKS_DIR='/vm_disks'\nVM_CONF_DIR='/var/cache/convirt/vm_configs'\n`,
    });
    writeFileSync(join(scene.store, "Hostile", "description.html"), `<p>The description says</p>${evil}`);
    const { client } = scene.installation;
    const job = await client.call("provision", {
      body: {
        image: "Hostile",
        host: "xen2",
        vm: "hostile",
        reason: evil,
        imageConf: scene.installation.places("xen2"),
      },
    });
    await client.ended(job.id);
    const page = await open(`/jobs/${job.id}`);
    await page.locator(".cv-log").getByText("onerror=alert(1)").first().waitFor();
    expect(await page.locator(".cv-log-box img, .cv-log-box script, .cv-log-box svg, .cv-log-box a").count()).toBe(0);
    await page.goto("/images/Hostile");
    await page.getByText("onerror=alert(1)").first().waitFor();
    await page.frameLocator("iframe").getByText("The description says").waitFor();
    expect(await page.frameLocator("iframe").locator("img, script, svg, a[href^=javascript]").count()).toBe(0);
    await page.goto(`/jobs?vm=${encodeURIComponent(evil.slice(0, 60))}`);
    await page.getByRole("heading", { level: 1 }).waitFor();
    // A dialog, a fault or a foreign request fails the test when it settles.
  }, 600_000);
});
