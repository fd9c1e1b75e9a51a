// Every screen in a small window: a telephone's, and a desk's at a zoom of 200 %, which is wide and has no height to give away (WCAG 1.4.4, 1.4.10).
import type { Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { hasBrowser, narrow, seriousFaults, TestBrowser, zoomed } from "./browser.js";
import { cutOff, goTo, pagesOf } from "./pages.js";
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

  /** Scrolls to it, and sees that nothing lies above it. What is not to be pressed yet takes no click, and must be in sight all the same. */
  async function reach(page: Page, act: string): Promise<void> {
    const main = page.locator("main");
    const named = { name: act, exact: true };
    const target = main.getByRole("button", named).or(main.getByRole("link", named)).first();
    if (await target.isEnabled()) await target.click({ trial: true });
    else await target.scrollIntoViewIfNeeded();
  }

  describe.each([
    { name: "on a telephone", window: { viewport: narrow } },
    { name: "at a zoom of 200 %", window: zoomed },
  ])("$name", ({ window }) => {
    test("no page is too wide, is cut off, or has anything that axe calls serious; each has its act within reach", async () => {
      const page = await browser.opened(scene.installation.adminPassword, "/", window);
      const faults: Record<string, unknown> = {};
      for (const { path, act } of pagesOf(scene)) {
        await goTo(page, path);
        if (act !== undefined) await reach(page, act);
        const found = [...(await cutOff(page)), ...(await seriousFaults(page))];
        if (found.length > 0) faults[path] = found;
      }
      expect(faults).toEqual({});
    }, 600_000);

    test("every screen is reached by the list of screens, and what stands at the top is within reach", async () => {
      const page = await browser.opened(scene.installation.adminPassword, "/", window);
      for (const name of ["Images", "VMs", "Hosts", "Jobs", "People", "Audit", "Settings", "Overview"]) {
        await page.getByRole("button", { name: "Screens" }).click();
        await page.getByRole("navigation", { name: "Screens" }).getByRole("link", { name, exact: true }).click();
        await page.getByRole("heading", { level: 1 }).waitFor();
      }
      await page.getByRole("button", { name: /^1 job under way/ }).click({ trial: true });
      await page.getByRole("button", { name: /^admin/ }).click();
      await page.getByRole("menuitem", { name: "Sign out" }).click({ trial: true });
    }, 600_000);
  });
});
