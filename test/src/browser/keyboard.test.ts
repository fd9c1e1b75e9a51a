// Without a mouse: all that can be acted on is come to by Tab, in the order in which it is read, and one sees where one is.
import type { Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { hasBrowser, TestBrowser } from "./browser.js";
import { focusedName, passedBy, tabTo, walk } from "./keyboard.js";
import { goTo } from "./pages.js";
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

  const open = async (path: string): Promise<Page> => {
    const page = await browser.opened(scene.installation.adminPassword, "/");
    await goTo(page, path);
    return page;
  };

  test("Tab comes to everything, in order, and what it comes to looks as if it had the focus", async () => {
    const page = await open("/");
    const faults: Record<string, unknown> = {};
    for (const path of [
      "/settings",
      "/settings?tab=backups",
      "/settings?tab=agents",
      "/settings?tab=yours",
      `/jobs/${scene.failedJob}/compare`,
      `/jobs/${scene.failedJob}/compare?with=${scene.runningJob}`,
      "/hosts/xen2?tab=staged",
      "/hosts",
      "/vms",
      "/jobs",
      "/images",
      "/audit",
      "/people",
    ]) {
      await goTo(page, path);
      const stops = await walk(page);
      const unseen = stops.filter(({ isSeen }) => !isSeen).map(({ name }) => name);
      const back = stops.filter(({ isBack }) => isBack).map(({ name }) => name);
      const passed = await passedBy(page);
      if (unseen.length + back.length + passed.length > 0) faults[path] = { unseen, back, passed };
      // The first of all leads past what stands on every page.
      expect(stops[0]?.name).toMatch(/^a Skip to the page/);
    }
    expect(faults).toEqual({});
  }, 600_000);

  test("a dialog keeps the focus, gives it back when it is left, and hands it to the result when its row is gone", async () => {
    const page = await open("/hosts/xen2?tab=staged");
    await tabTo(page, /^button Remove Debian_12_mirror from xen2/);
    await page.keyboard.press("Enter");
    const dialog = page.getByRole("dialog");
    await dialog.waitFor();
    const isInside = () =>
      page.evaluate("document.querySelector('[role=dialog]')?.contains(document.activeElement) === true");
    await expect.poll(isInside).toBe(true);
    for (const key of ["Tab", "Shift+Tab"])
      for (let count = 0; count < 8; count += 1) {
        await page.keyboard.press(key);
        expect(await isInside()).toBe(true);
      }
    await page.keyboard.press("Escape");
    await dialog.waitFor({ state: "detached" });
    await expect.poll(() => focusedName(page)).toMatch(/^button Remove Debian_12_mirror from xen2/);
    await page.keyboard.press("Enter");
    await tabTo(page, /^button Remove from the host/);
    await page.keyboard.press("Enter");
    await page.getByText(/^Debian_12_mirror is removed from xen2/).waitFor();
    await dialog.waitFor({ state: "detached" });
    await page.getByRole("button", { name: "Remove Debian_12_mirror from xen2" }).waitFor({ state: "detached" });
    await expect.poll(() => focusedName(page)).toMatch(/^status Debian_12_mirror is removed from xen2/);
  }, 600_000);

  test("a list is filtered, sorted, walked and opened; what clears the filter leaves one at its first field", async () => {
    const page = await open("/vms");
    await tabTo(page, /^search Name/);
    await page.keyboard.type("web-");
    await page.getByRole("row", { name: /build-runner/ }).waitFor({ state: "detached" });
    expect(await focusedName(page)).toMatch(/^search Name/);
    await tabTo(page, /^button Clear/);
    await page.keyboard.press("Enter");
    await page.getByRole("row", { name: /build-runner/ }).waitFor();
    expect(await focusedName(page)).toMatch(/^search Name/);
    await tabTo(page, /^select State/);
    await page.keyboard.type("stop");
    await expect.poll(() => new URL(page.url()).searchParams.get("state")).toBe("stopped");
    expect(await focusedName(page)).toMatch(/^select State/);
    await page.goto("/vms?name=web-");
    await page.getByRole("row", { name: /web-1/ }).waitFor();
    await tabTo(page, /^button Name/);
    // The second comes before the page has drawn what the first did.
    await page.keyboard.press("Enter");
    await page.keyboard.press("Enter");
    await expect.poll(() => new URL(page.url()).searchParams.get("sort")).toBe("-name");
    await page.getByRole("row", { name: /web-3/ }).waitFor();
    await tabTo(page, /^row /);
    await page.keyboard.press("ArrowDown");
    // The row is there before what stands in it.
    await expect.poll(() => focusedName(page)).toMatch(/^row .*web-2/);
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { level: 1, name: /web-2/ }).waitFor();
  }, 600_000);

  test("two jobs are compared, and the settings are gone through, and a copy is made", async () => {
    const page = await open(`/jobs/${scene.failedJob}/compare`);
    await tabTo(page, /^button Compare with intranet-test/);
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { level: 2, name: "Log" }).waitFor();
    await tabTo(page, /^a Compare with another/);
    await page.keyboard.press("Enter");
    await page.getByRole("button", { name: /^Compare with intranet-test/ }).waitFor();
    await goTo(page, "/settings");
    await tabTo(page, /^tab Backups/);
    await page.keyboard.press("Enter");
    await tabTo(page, /^button Back up now/);
    await page.keyboard.press("Enter");
    await page
      .getByRole("status")
      .getByText(/written and verified/)
      .waitFor();
    await goTo(page, "/settings?tab=yours");
    await tabTo(page, /^radio /);
    await page.keyboard.press("ArrowDown");
    await expect
      .poll(() => page.evaluate("document.activeElement.type + document.activeElement.checked"))
      .toBe("radiotrue");
  }, 600_000);
});
