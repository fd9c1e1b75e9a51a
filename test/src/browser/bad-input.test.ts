// What goes wrong under an open page: somebody else is faster, the session ends, the controller starts anew, an image vanishes, a log is noise.
import { cpSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { preamble, startInstallation, type TestInstallation } from "../testing.js";
import { hasBrowser, TestBrowser } from "./browser.js";

describe.skipIf(!hasBrowser)("in a browser", () => {
  let t: TestInstallation;
  let browser: TestBrowser;

  beforeAll(async () => {
    t = await startInstallation(["xen1"]);
    browser = await TestBrowser.start(t.installation.httpUrl);
  }, 600_000);
  afterEach(() => browser.settle());
  afterAll(async () => {
    await browser.stop();
    await t.stop();
  });

  const open = (path: string): Promise<Page> => browser.opened(t.installation.adminPassword, path);
  const script = `${preamble}\nprovision_disks\n`;

  test("an image that somebody else has saved meanwhile is not overwritten unseen, and what was typed stays and is compared with theirs", async () => {
    await t.addImage("Shared", { script });
    const page = await open("/images/Shared/edit?file=image.conf");
    await page.getByLabel("Source of image.conf").click();
    await page.keyboard.press("Control+End");
    await page.keyboard.type("mine=1\n");
    const { client } = t.installation;
    const params = { name: "Shared", path: "image.conf" };
    const { text, sha256 } = await client.call("readFile", { params });
    await client.call("saveFile", { params, body: { text: `theirs=1\n${text}`, sha256 } });
    await page.getByRole("button", { name: "Save" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByRole("button", { name: "Save" }).click();
    await dialog.getByText("changed_meanwhile").waitFor();
    await dialog.getByRole("button", { name: "Compare with what is there now" }).click();
    const comparison = dialog.getByRole("region", { name: "What changes in image.conf" });
    await comparison.getByText("theirs=1").waitFor();
    await comparison.getByText("mine=1").waitFor();
    expect((await client.call("readFile", { params })).text).toContain("theirs=1");
    await dialog.getByRole("button", { name: "Go on editing" }).click();
    await page.getByLabel("Source of image.conf").getByText("mine=1").waitFor();
    await page.getByRole("button", { name: "Save" }).click();
    await dialog.getByRole("button", { name: "Save" }).click();
    await dialog.waitFor({ state: "hidden" });
    expect((await client.call("readFile", { params })).text).toBe(`${text}mine=1\n`);
  }, 600_000);

  test("a session that ends in the midst of filling a form is begun again over it, and nothing that was typed is lost", async () => {
    const page = await open("/provision?image=Tiny_Linux&host=xen1");
    const name = page.getByRole("textbox", { name: "Name", exact: true });
    await name.fill("half-done");
    await page.getByLabel(/^Why/).fill("for the fair");
    await page.context().clearCookies();
    await page.getByRole("button", { name: "Preview" }).click();
    await page.getByText("Your session has ended").waitFor();
    await page.getByRole("dialog").getByLabel("Password").fill(t.installation.adminPassword);
    await page.getByRole("dialog").getByRole("button", { name: "Sign in" }).click();
    await page.getByRole("dialog").waitFor({ state: "detached" });
    expect(await name.inputValue()).toBe("half-done");
    expect(await page.getByLabel(/^Why/).inputValue()).toBe("for the fair");
    await page.reload();
    expect(await name.inputValue()).toBe("half-done");
  }, 600_000);

  test("a controller that is started anew under an open list is said to be gone, and then the list is right again", async () => {
    const page = await open("/images");
    await page.getByRole("link", { name: "Tiny_Linux" }).waitFor();
    await page.getByText("live", { exact: true }).waitFor();
    await t.installation.stopController("SIGKILL");
    await page.getByText(/^not live, trying/).waitFor();
    // Nobody tells the page of what came while it was not live: it must ask.
    cpSync(join(t.store, "Tiny_Linux"), join(t.store, "Came_meanwhile"), { recursive: true });
    await t.installation.startController();
    await page.getByText("live", { exact: true }).waitFor();
    await page.getByRole("link", { name: "Came_meanwhile" }).waitFor();
  }, 600_000);

  test("an image that vanishes while its form is open is said to be gone, and the form stays as it was filled in", async () => {
    await t.addImage("Fleeting", { script });
    const page = await open("/provision?image=Fleeting&host=xen1");
    const name = page.getByRole("textbox", { name: "Name", exact: true });
    await name.fill("late");
    rmSync(join(t.store, "Fleeting"), { recursive: true });
    await t.installation.client.call("scanImages");
    await page.getByRole("alert").getByText("Fleeting is not in the store any more").waitFor();
    expect(await name.inputValue()).toBe("late");
    await page.getByRole("button", { name: "Preview" }).click();
    await page.getByText("not_found").waitFor();
    await t.addImage("Fleeting", { script });
    await page.getByRole("alert").getByText("Fleeting is not in the store any more").waitFor({ state: "detached" });
    expect(await name.inputValue()).toBe("late");
  }, 600_000);

  test("a log of binary noise is shown as harmless text, to its last line", async () => {
    await t.addImage("Noisy", {
      script: `${preamble}
for i in $(seq 0 255); do printf "\\\\$(printf %o $i)\\\\x1b[$i;1mx\\\\x1b]$i;y"; done
head -c 200000 /dev/urandom
printf '\\n%s\\n' 'the noise is over'
exit 4
`.replaceAll("\\\\", "\\"),
    });
    const { client } = t.installation;
    const imageConf = t.installation.places("xen1");
    const job = await client.call("provision", { body: { image: "Noisy", host: "xen1", vm: "noisy", imageConf } });
    await client.ended(job.id);
    expect((await client.call("showJob", { params: { id: job.id } })).logBytes).toBeGreaterThan(200_000);
    const page = await open(`/jobs/${job.id}`);
    await page.getByRole("log").getByText("the noise is over").waitFor();
    const shown = await page.getByRole("log").textContent();
    // biome-ignore lint/suspicious/noControlCharactersInRegex: that there are none is what is asked.
    expect(shown).not.toMatch(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/);
    expect(await page.title()).toBe("noisy · ConVirt");
  }, 600_000);
});
