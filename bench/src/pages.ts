// The pages with much in them, in a real browser: 10,000 VMs, 100,000 jobs, a log of 50 MiB. When are the first rows there, does scrolling keep up, how soon does
// a filter answer, what does a page hold.
import { randomUUID } from "node:crypto";
import type { Page } from "playwright-core";
import { fill, type Size } from "./fill.js";
import { BenchBrowser, jumped, scrolled, untilRows } from "./page.js";
import { makePlace } from "./place.js";
import { type Summary, summarise, timed } from "./statistics.js";

const size: Size = { hosts: 20, vms: 10_000, jobs: 100_000, users: 0 };
const logBytes = 50 * 1024 * 1024;
const runs = 5;
const frames = 200;

export async function pages(): Promise<Record<string, Summary | number>> {
  const place = await makePlace([]);
  let browser: BenchBrowser | undefined;
  try {
    const { installation } = place;
    await installation.stopController();
    const longLog = { jobId: randomUUID(), bytes: logBytes };
    await fill(installation.controllerEnvironment, size, longLog);
    await installation.startController();
    browser = await BenchBrowser.start();
    const page = await browser.signedIn(installation.httpUrl, installation.adminPassword);
    const vms = await list(page, "/vms", { field: "Name", words: "vm-0042" });
    const jobs = await list(page, "/jobs", { field: "Name of the VM", words: "vm-0420" });
    return {
      ...size,
      logBytes,
      ...named("vms", vms),
      ...named("jobs", jobs),
      ...(await log(browser, page, longLog.jobId)),
    };
  } finally {
    await browser?.stop();
    await place.stop();
  }
}

function named(of: string, figures: Record<string, Summary | number>): Record<string, Summary | number> {
  return Object.fromEntries(Object.entries(figures).map(([name, value]) => [`${of}_${name}`, value]));
}

async function list(
  page: Page,
  path: string,
  filter: { field: string; words: string },
): Promise<Record<string, Summary>> {
  const first: number[] = [];
  for (let run = 0; run < runs; run += 1) first.push(await untilRows(page, path));
  const frame = await scrolled(page, ".cv-table-body", { frames, stepPx: 330 });
  const jump: number[] = [];
  for (const part of [0.5, 0.9, 0.2, 0.7, 1]) jump.push(await jumped(page, ".cv-table-body", part));
  const answer: number[] = [];
  for (let run = 0; run < runs; run += 1) {
    const field = page.getByRole("search").getByLabel(filter.field, { exact: true });
    await field.fill("");
    await page.getByText(/of this filter/).waitFor({ state: "detached" });
    answer.push(
      await timed(async () => {
        await field.fill(filter.words);
        await page.getByText(/of this filter/).waitFor();
      }),
    );
  }
  return {
    first_row_ms: summarise(first),
    frame_ms: frame,
    jump_ms: summarise(jump),
    filter_ms: summarise(answer),
  };
}

async function log(browser: BenchBrowser, page: Page, id: string): Promise<Record<string, Summary | number>> {
  const whole = page.locator(".cv-log-size", { hasText: /lines, 50 MiB$/ });
  const shown = await timed(async () => {
    await page.goto(`/jobs/${id}`);
    await whole.waitFor();
  });
  const frame = await scrolled(page, ".cv-log-box", { frames, stepPx: 4000 });
  await page.evaluate("gc()");
  const held = await browser.ownMib();
  const searched = await timed(async () => {
    await page.getByLabel("Search the log").fill("package-500000.deb");
    await page.getByText("1 line", { exact: true }).waitFor();
  });
  return {
    log_whole_ms: shown,
    log_frame_ms: frame,
    log_search_ms: searched,
    log_page_mib: held,
  };
}
