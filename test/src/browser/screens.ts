// `npm run screens`: a picture of every screen, light and dark, for docs/screens. Of an installation with something to see, and of what is wrong in it too.
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { root } from "@convirt/demo/installation";
import type { Page } from "playwright-core";
import { TestBrowser } from "./browser.js";
import { startScene } from "./scene.js";

interface Screen {
  name: string;
  path: string;
  /** Brings the page to what is to be seen. */
  act?: (page: Page) => Promise<void>;
}

const scene = await startScene();
const browser = await TestBrowser.start(scene.installation.httpUrl);
const screens: Screen[] = [
  { name: "overview", path: "/" },
  { name: "images", path: "/images" },
  { name: "image", path: "/images/Debian_12_web" },
  { name: "image-versions", path: `/images/Debian_12_web/versions/${scene.versions.join("/")}` },
  { name: "image-editor", path: "/images/Debian_12_web/edit" },
  {
    name: "provision",
    path: "/provision?image=Debian_12_web",
    act: async (page) => {
      await page.getByRole("radio", { name: /xen1/ }).check();
      await page.getByLabel(/name/i).last().waitFor();
    },
  },
  { name: "jobs", path: "/jobs" },
  { name: "job-failed", path: `/jobs/${scene.failedJob}` },
  { name: "job-running", path: `/jobs/${scene.runningJob}` },
  { name: "vms", path: "/vms" },
  { name: "vm", path: "/vms", act: async (page) => await page.getByRole("link", { name: "web-1" }).first().click() },
  { name: "hosts", path: "/hosts" },
  { name: "host", path: "/hosts/xen1" },
  { name: "host-staged", path: "/hosts/xen1?tab=staged" },
  { name: "people", path: "/people" },
  { name: "audit", path: "/audit" },
  { name: "settings", path: "/settings" },
  {
    name: "settings-backups",
    path: "/settings?tab=backups",
    act: async (page) => {
      await page.getByRole("button", { name: "Back up now" }).click();
      await page.getByText(/written and verified/).waitFor();
    },
  },
  {
    name: "compare",
    path: `/jobs/${scene.failedJob}/compare`,
    act: async (page) => {
      await page
        .getByRole("button", { name: /^Compare with/ })
        .first()
        .click();
      await page.getByRole("heading", { level: 2, name: "Log" }).waitFor();
    },
  },
  { name: "help", path: "/help" },
];

const folder = join(root, "docs", "screens");
mkdirSync(folder, { recursive: true });
try {
  for (const dark of [false, true]) {
    const page = await browser.page({ dark, viewport: { width: 1280, height: 800 } });
    await page.goto("/");
    await page.getByLabel("Name").waitFor();
    await page.screenshot({ path: file("sign-in", dark) });
    await page.getByLabel("Name").fill("admin");
    await page.getByLabel("Password").fill(scene.installation.adminPassword);
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.locator(".cv-frame h1").waitFor();
    for (const { name, path, act } of screens) {
      await page.goto(path);
      await page.getByRole("heading", { level: 1 }).waitFor();
      await act?.(page);
      await page.waitForLoadState("load");
      // Until what is being fetched is there.
      await page.locator(".pf-v6-c-skeleton, .pf-v6-c-spinner").first().waitFor({ state: "detached" });
      await page.screenshot({ path: file(name, dark) });
    }
  }
  await browser.settle();
} finally {
  scene.release();
  await browser.stop();
  await scene.stop();
}

function file(name: string, dark: boolean): string {
  return join(folder, `${name}${dark ? "-dark" : ""}.png`);
}
