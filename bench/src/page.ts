// Debian's Chromium as a person has it, and what it can tell of a page: when rows are there, how long its frames take, what its process holds.
import { existsSync, readFileSync } from "node:fs";
import { type Browser, chromium, type Page } from "playwright-core";
import { type Summary, summarise } from "./statistics.js";

const path = "/usr/bin/chromium";
const limitMs = 120_000;

/** Notes, by the page's own clock, when a first row that holds something was there. */
const watchRows = `(() => {
  const seen = new MutationObserver(() => {
    if (document.querySelector(".cv-table-row a") === null) return;
    window.firstRowMs = performance.now();
    seen.disconnect();
  });
  seen.observe(document, { childList: true, subtree: true });
})()`;

export class BenchBrowser {
  readonly #browser: Browser;

  private constructor(browser: Browser) {
    this.#browser = browser;
  }

  static async start(): Promise<BenchBrowser> {
    if (!existsSync(path)) throw new Error(`There is no ${path}. As root: apt-get install chromium fonts-liberation`);
    const args = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--js-flags=--expose-gc"];
    return new BenchBrowser(await chromium.launch({ executablePath: path, args }));
  }

  async signedIn(url: string, password: string): Promise<Page> {
    const context = await this.#browser.newContext({ baseURL: url, viewport: { width: 1440, height: 900 } });
    context.setDefaultTimeout(limitMs);
    await context.addInitScript(watchRows);
    const page = await context.newPage();
    await page.goto("/");
    await page.getByLabel("Name").fill("admin");
    await page.getByLabel("Password").fill(password);
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.locator(".cv-frame h1").waitFor();
    return page;
  }

  /** MiB that the largest of the pages' processes has of its own. */
  async ownMib(): Promise<number> {
    const session = await this.#browser.newBrowserCDPSession();
    const { processInfo } = await session.send("SystemInfo.getProcessInfo");
    await session.detach();
    const ofPages = processInfo.filter(({ type }) => type === "renderer").map(({ id }) => anonymousMib(id));
    return Math.max(0, ...ofPages);
  }

  stop(): Promise<void> {
    return this.#browser.close();
  }
}

function anonymousMib(pid: number): number {
  return Number(/RssAnon:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0) / 1024;
}

/** Milliseconds from the beginning of the page's loading to its first row. */
export async function untilRows(page: Page, to: string): Promise<number> {
  await page.goto(to);
  await page.locator(".cv-table-row a").first().waitFor();
  return (await page.evaluate("window.firstRowMs")) as number;
}

/** Scrolls what `selector` names, or what scrolls around it, by `stepPx` a frame, and tells how long the frames took. */
export async function scrolled(
  page: Page,
  selector: string,
  { frames, stepPx }: { frames: number; stepPx: number },
): Promise<Summary> {
  const took = (await page.evaluate(`new Promise((resolve) => {
    let box = document.querySelector(${JSON.stringify(selector)});
    while (!/(auto|scroll)/.test(getComputedStyle(box).overflowY) || box.scrollHeight <= box.clientHeight) box = box.parentElement;
    box.scrollTop = 0;
    const took = [];
    let before;
    const step = (now) => {
      if (before !== undefined) took.push(now - before);
      before = now;
      box.scrollTop += ${stepPx};
      if (took.length < ${frames}) requestAnimationFrame(step);
      else resolve(took);
    };
    requestAnimationFrame(step);
  })`)) as number[];
  return summarise(took);
}

/** Scrolls at once to a part of the whole, from 0 to 1, and tells in how many milliseconds every row in sight was there. */
export async function jumped(page: Page, selector: string, part: number): Promise<number> {
  return (await page.evaluate(`new Promise((resolve) => {
    let box = document.querySelector(${JSON.stringify(selector)});
    while (!/(auto|scroll)/.test(getComputedStyle(box).overflowY) || box.scrollHeight <= box.clientHeight) box = box.parentElement;
    const from = performance.now();
    const wanted = ${part} * (box.scrollHeight - box.clientHeight);
    box.scrollTop = wanted;
    const look = () => {
      const area = box.getBoundingClientRect();
      const inSight = [...document.querySelectorAll(".cv-table-row")].filter((row) => {
        const { top, bottom } = row.getBoundingClientRect();
        return bottom > area.top && top < area.bottom;
      });
      if (inSight.length > 5 && inSight.every((row) => row.querySelector(".cv-bone") === null)) resolve(performance.now() - from);
      else requestAnimationFrame(look);
    };
    requestAnimationFrame(look);
  })`)) as number;
}
