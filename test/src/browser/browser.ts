// Debian's Chromium, driven for a test file: each test gets a page of its own, and whatever the page complains of, or asks of another address, fails the test.
import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { type Browser, type BrowserContext, chromium, type Page } from "playwright-core";
import { expect } from "vitest";

const path = "/usr/bin/chromium";
/** False where there is none: the tests are then counted as skipped. */
export const hasBrowser = existsSync(path);
if (!hasBrowser)
  process.stderr.write(
    `\nThe web UI is NOT tested in a browser: there is no ${path}. As root: apt-get install chromium fonts-liberation\n\n`,
  );

const axeFile = createRequire(import.meta.url).resolve("axe-core/axe.min.js");
export const wide = { width: 1440, height: 900 };
export const narrow = { width: 360, height: 740 };
/** A window of 1280 x 1024 at a zoom of 200 %. */
export const zoomed = { viewport: { width: 640, height: 512 }, scale: 2 };

export class TestBrowser {
  readonly #browser: Browser;
  readonly #url: string;
  readonly #faults: string[] = [];
  readonly #contexts: BrowserContext[] = [];

  private constructor(browser: Browser, url: string) {
    this.#browser = browser;
    this.#url = url;
  }

  static async start(url: string): Promise<TestBrowser> {
    const args = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--font-render-hinting=none"];
    return new TestBrowser(await chromium.launch({ executablePath: path, args }), url);
  }

  async page(
    options: { viewport?: { width: number; height: number }; scale?: number; dark?: boolean } = {},
  ): Promise<Page> {
    const context = await this.#browser.newContext({
      baseURL: this.#url,
      viewport: options.viewport ?? wide,
      deviceScaleFactor: options.scale ?? 1,
      colorScheme: options.dark === true ? "dark" : "light",
      reducedMotion: "reduce",
      locale: "en-GB",
      timezoneId: "Europe/Berlin",
      permissions: ["clipboard-read", "clipboard-write"],
    });
    // A busy machine is slow, and not broken.
    context.setDefaultTimeout(120_000);
    this.#contexts.push(context);
    const page = await context.newPage();
    page.on("request", (request) => {
      const asked = new URL(request.url());
      if (/^https?:$/.test(asked.protocol) && asked.origin !== new URL(this.#url).origin)
        this.#faults.push(`A request left the controller's address: ${request.url()}`);
    });
    page.on("pageerror", (error) => this.#faults.push(`A fault in the page: ${error.stack ?? error.message}`));
    page.on("dialog", (dialog) => {
      this.#faults.push(`A dialog opened: ${dialog.message()}`);
      void dialog.dismiss();
    });
    page.on("console", (message) => {
      // A refusal by the API is an answer, and the browser notes each as an error.
      if (message.type() === "error" && !message.text().startsWith("Failed to load resource"))
        this.#faults.push(`The page complains: ${message.text()}`);
    });
    return page;
  }

  async signedIn(password: string, options: Parameters<TestBrowser["page"]>[0] = {}): Promise<Page> {
    const page = await this.page(options);
    await page.goto("/");
    await signIn(page, password);
    return page;
  }

  /** A page at the path, with its heading there. */
  async opened(password: string, path: string, options: Parameters<TestBrowser["page"]>[0] = {}): Promise<Page> {
    const page = await this.signedIn(password, options);
    await page.goto(path);
    await page.getByRole("heading", { level: 1 }).waitFor();
    return page;
  }

  /** Throws with all that pages complained of since the last time, and closes them. */
  async settle(): Promise<void> {
    await Promise.all(this.#contexts.splice(0).map((context) => context.close()));
    expect(this.#faults.splice(0)).toEqual([]);
  }

  async stop(): Promise<void> {
    await this.#browser.close();
  }
}

export async function signIn(page: Page, password: string): Promise<void> {
  await page.getByLabel("Name").fill("admin");
  await page.getByLabel("Password").fill(password);
  await page.getByRole("button", { name: "Sign in" }).click();
  // The sign-in has a heading as well: the frame is what comes after it.
  await page.locator(".cv-frame h1").waitFor();
}

/** What axe finds to be serious or critical, a line for each. */
export async function seriousFaults(page: Page): Promise<string[]> {
  // By the tool's own door: the page's policy lets no script of ours in, and a refusal of one would count as a complaint of the page.
  await page.evaluate(readFileSync(axeFile, "utf8"));
  const found = (await page.evaluate("axe.run(document, { resultTypes: ['violations'] })")) as {
    violations: { id: string; impact: string; nodes: { target: string[]; failureSummary: string }[] }[];
  };
  return found.violations
    .filter(({ impact }) => impact === "serious" || impact === "critical")
    .flatMap(({ id, nodes }) =>
      nodes.slice(0, 3).map(({ target, failureSummary }) => `${id}: ${target.join(" ")}: ${failureSummary}`),
    );
}
