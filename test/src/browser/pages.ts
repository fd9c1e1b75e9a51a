// The screens of the scene, each in the states that look otherwise, with the act for which one comes: for tests that look at all of them.
import type { Page } from "playwright-core";
import type { Scene } from "./scene.js";

export interface ScenePage {
  path: string;
  /** The name of a button or link that must be within reach. */
  act?: string;
}

export function pagesOf(scene: Scene): ScenePage[] {
  return [
    { path: "/" },
    { path: "/images", act: "Import" },
    { path: "/images/Debian_12_web", act: "Provision" },
    { path: "/images/Debian_12_web/edit", act: "Save" },
    { path: "/images/Debian_12_web?tab=versions" },
    { path: `/images/Debian_12_web/versions/${scene.versions.join("/")}` },
    { path: "/hosts", act: "Invite a host" },
    { path: "/hosts/xen1", act: "Take no new jobs" },
    { path: "/hosts/xen1?tab=staged", act: "Remove Debian_12_web from xen1" },
    { path: "/hosts/xen3", act: "Remove" },
    { path: "/vms", act: "Provision" },
    { path: "/vms/web-1", act: "Shut down" },
    { path: "/vms/web-1?tab=disks" },
    { path: "/jobs", act: "Provision" },
    { path: `/jobs/${scene.runningJob}`, act: "Cancel" },
    { path: `/jobs/${scene.failedJob}`, act: "Try again" },
    { path: `/jobs/${scene.failedJob}/compare` },
    { path: `/jobs/${scene.failedJob}/compare?with=${scene.runningJob}`, act: "Compare with another" },
    { path: "/people", act: "Add a user" },
    { path: "/people?tab=roles", act: "Give a role" },
    { path: "/people?tab=tokens", act: "Make a token" },
    { path: "/audit", act: "Verify" },
    { path: "/settings" },
    { path: "/settings?tab=backups", act: "Back up now" },
    { path: "/settings?tab=agents" },
    { path: "/settings?tab=yours" },
    { path: "/help" },
    { path: "/provision?image=Debian_12_web&host=xen2", act: "Preview" },
    { path: "/nowhere" },
  ];
}

/** Goes there, and waits until all that is fetched is there. */
export async function goTo(page: Page, path: string): Promise<void> {
  await page.goto(path);
  await page.getByRole("heading", { level: 1 }).waitFor();
  await page.locator(".pf-v6-c-skeleton, .cv-bone").first().waitFor({ state: "detached" });
}

/** By how many pixels the page is wider than its window, and the texts of which a part is where nobody can scroll to: a line for each. */
export async function cutOff(page: Page): Promise<string[]> {
  return (await page.evaluate(`(() => {
    const root = document.documentElement;
    const found = root.scrollWidth > root.clientWidth ? ["the page is too wide by " + (root.scrollWidth - root.clientWidth)] : [];
    const main = document.querySelector("main");
    if (main !== null && main.scrollWidth > main.clientWidth) found.push("its middle is too wide by " + (main.scrollWidth - main.clientWidth));
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    for (let node = walker.nextNode(); node !== null; node = walker.nextNode()) {
      const own = node.parentElement;
      if (own === null || node.data.trim() === "" || !own.checkVisibility({ visibilityProperty: true, opacityProperty: true })) continue;
      if (own.closest(".pf-v6-screen-reader, .pf-v6-c-skip-to-content, option, [aria-hidden=true]") !== null) continue;
      const range = document.createRange();
      range.selectNodeContents(node);
      const { left, right, top, bottom } = range.getBoundingClientRect();
      const say = (what) => found.push(JSON.stringify(node.data.trim().slice(0, 40)) + " in " + own.localName + "." + own.className + ": " + what);
      let across = true, down = true;
      for (let box = own; box !== null && box !== document.body && (across || down); box = box.parentElement) {
        const { overflowX, overflowY, position } = getComputedStyle(box);
        const at = box.getBoundingClientRect();
        if (/auto|scroll/.test(overflowX) && box.scrollWidth > box.clientWidth) across = false;
        if (/auto|scroll/.test(overflowY)) down = false;
        // What is cut with three dots can be had whole by its title.
        const isTold = getComputedStyle(box).textOverflow === "ellipsis" && box.closest("[title]") !== null;
        if (across && /hidden|clip/.test(overflowX) && (right > at.right + 1 || left < at.left - 1)) {
          if (!isTold) say("cut at the side of " + box.localName + "." + box.className);
          across = false;
        }
        if (down && /hidden|clip/.test(overflowY) && (bottom > at.bottom + 2 || top < at.top - 2)) {
          say("cut below " + box.localName + "." + box.className);
          down = false;
        }
        if (position === "fixed") break;
      }
      if (across && (right > root.clientWidth + 1 || left < -1)) say("beside the window");
    }
    return found;
  })()`)) as string[];
}
