import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { startInstallation, type TestInstallation } from "../testing.js";
import { hasBrowser, seriousFaults, signIn, TestBrowser } from "./browser.js";

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

  test("one signs in, sees the hosts and that the page is live, and signs out", async () => {
    const page = await browser.page();
    await page.goto("/hosts");
    await page.getByLabel("Name").fill("admin");
    await page.getByLabel("Password").fill("not the one");
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.getByText("wrong_credentials").waitFor();
    expect(await seriousFaults(page)).toEqual([]);
    await signIn(page, t.installation.adminPassword);
    await page.getByRole("row", { name: /xen1.*In contact/ }).waitFor();
    await page.getByText("live", { exact: true }).waitFor();
    expect(await seriousFaults(page)).toEqual([]);
    await page.getByRole("button", { name: /^admin/ }).click();
    await page.getByRole("menuitem", { name: "Sign out" }).click();
    await page.getByRole("button", { name: "Sign in" }).waitFor();
  }, 600_000);

  test("a host that is invited appears by itself when it comes", async () => {
    const page = await browser.signedIn(t.installation.adminPassword);
    await page.goto("/hosts");
    await page.getByRole("button", { name: "Invite a host" }).click();
    await page.getByLabel("Name of the host").fill("xen2");
    await page.getByRole("button", { name: "Make an invitation" }).click();
    await page.getByText(/Waiting for xen2/).waitFor();
    const line = await page.locator(".cv-copy pre").textContent();
    expect(line).toMatch(/^echo 'convirt1\.[A-Za-z0-9_-]+' \| convirt-agent enrol$/);
    await t.installation.addHost("xen2");
    await page.getByText("xen2 is here").waitFor();
    await page.getByRole("button", { name: "Done" }).click();
    await page.getByRole("row", { name: /xen2.*In contact/ }).waitFor();
  }, 600_000);

  test("a page says when it is not live, and is again by itself", async () => {
    const page = await browser.signedIn(t.installation.adminPassword);
    await page.getByText("live", { exact: true }).waitFor();
    await t.installation.stopController();
    await page.getByText(/^not live, trying/).waitFor();
    await t.installation.startController();
    await page.getByText("live", { exact: true }).waitFor();
  }, 600_000);
});
