// Hostile texts in every text that a page shows, and in every address that it reads: no page ever takes one for more than its letters. Dialogs, faults, requests to
// another address and what the page's policy refuses fail a test by themselves.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { addHostileHost, failBy, hostileHost, until } from "../hostile-host.js";
import { hostileTexts, wellFormed } from "../hostile-texts.js";
import { startInstallation, type TestInstallation } from "../testing.js";
import { hasBrowser, TestBrowser } from "./browser.js";

/** What a page holds that it would hold only if a text had become part of it, or had run. */
const hadBy = `(() => {
  const found = window.__xss === undefined ? [] : ["ran: " + window.__xss];
  for (const element of document.querySelectorAll("*")) {
    const name = element.localName;
    if (["base", "embed", "frame", "math", "object"].includes(name)) found.push("<" + name + ">");
    for (const { name: attribute, value } of element.attributes) {
      if (attribute.startsWith("on")) found.push("<" + name + " " + attribute + ">");
      if (["href", "src", "action", "formaction"].includes(attribute) && !value.startsWith(location.origin + "/") && /^\\s*(javascript|vbscript|data:text|\\/\\/|https?:)/i.test(value)) found.push(name + " to " + value);
    }
  }
  return found;
})()`;

const oneLine = wellFormed.filter(([, text]) => !/\p{Cc}/u.test(text));
/** As Python writes it. */
const literal = (text: string) => JSON.stringify(text);

describe.skipIf(!hasBrowser)("in a browser", () => {
  let t: TestInstallation;
  let browser: TestBrowser;
  let said: string;
  let made: string;
  /** Where the versions of an image are compared that differ in files of such names, with such texts. */
  let versions: string;

  beforeAll(async () => {
    t = await startInstallation(["xen1"]);
    browser = await TestBrowser.start(t.installation.httpUrl);
    await fill();
  }, 600_000);
  afterEach(() => browser.settle());
  afterAll(async () => {
    await browser.stop();
    await t.stop();
  });

  async function versionOf(name: string): Promise<string> {
    return (await t.installation.client.call("showImage", { params: { name } })).version ?? "";
  }

  async function fill(): Promise<void> {
    const { client } = t.installation;
    const { VM_CONF_DIR = "" } = t.installation.places("xen1");
    const vmConf = "name=''\nmemory=32\ntype='pvh'\nkernel='/bin/sh'\n";
    const names = oneLine.map((_, index) => `text_${index}`);
    const options = oneLine.map(([, text], index) => `text_${index}=${literal(text)}\n`).join("");
    const imageConf = `VM_CONF_DIR='/c'\n${options}customizable_options=${JSON.stringify(["VM_CONF_DIR", ...names])}\n`;
    writeFileSync(join(t.store, "texts"), wellFormed.map(([, text]) => text).join("\n"));
    const print = `cat '${join(t.store, "texts")}'`;
    await t.addImage("Texts", { imageConf, vmConf, script: "#!/bin/bash\nexit 0\n" });
    const before = await versionOf("Texts");
    await t.addImage("Says", { imageConf, vmConf, script: `#!/bin/bash\n${print}\n${print} >&2\nexit 3\n` });
    const wrong = oneLine.map(([, text], index) => `wrong_${index} = f(${literal(text)}) # ${text}\n`).join("");
    await t.addImage("Rejected", {
      imageConf: `${wrong}x = = '${hostileTexts["script"]}'\n`,
      vmConf,
      script: "echo\n",
    });
    const description = wellFormed.map(([name, text]) => `<p>${name}: ${text}</p>\n`).join("");
    for (const name of ["Texts", "Rejected"]) {
      writeFileSync(join(t.store, name, "description.html"), `<p>Here it begins.</p>${description}`);
      // What is in no name of a file: an image with one is rejected as a whole.
      oneLine.forEach(([, text], index) => {
        writeFileSync(
          join(t.store, name, `${index} ${text.slice(0, 60).replaceAll(/[/\\\p{C}\p{Zl}\p{Zp}]/gu, "")}`),
          text,
        );
      });
    }
    await client.call("scanImages");
    versions = `/images/Texts/versions/${before}/${await versionOf("Texts")}`;
    const provision = async (image: string, vm: string, more: object) => {
      const body = { image, host: "xen1", vm, imageConf: { VM_CONF_DIR }, ...more };
      return (await client.call("provision", { body })).id;
    };
    const reason = oneLine
      .map(([, text]) => text.slice(0, 20))
      .join(" ")
      .slice(0, 400);
    made = await provision("Texts", "made", { reason });
    said = await provision("Says", "said", { reason });
    for (const id of [made, said]) await client.ended(id);
    for (const [, name] of oneLine) {
      const headers = { "convirt-reason": encodeURIComponent(name.slice(0, 200)) };
      // What is no name is refused, and stands in the audit all the same.
      await client.call("createToken", { body: { name }, headers }).catch(() => undefined);
    }
  }

  const plain = async (page: Page): Promise<void> => {
    // Once: a page may change its own address meanwhile.
    const address = page.url();
    expect({ [address]: await page.evaluate(hadBy) }).toEqual({ [address]: [] });
  };

  test("no page takes a text that it shows for more than its letters", async () => {
    const page = await browser.opened(t.installation.adminPassword, "/");
    const paths = [
      ...["/", "/images", "/images/Texts", "/images/Says", "/images/Rejected"],
      ...["/images/Texts/edit?file=image.conf", "/images/Rejected/edit?file=image.conf"],
      ...["/images/Texts/edit?file=description.html", "/images/Says/edit?file=provision.sh"],
      ...["/images/Texts?tab=versions", versions, "/images/Texts?tab=files"],
      ...["/jobs", `/jobs/${said}`, `/jobs/${made}`, `/jobs/${made}/compare?with=${said}`],
      ...["/vms", "/vms/made", "/hosts", "/hosts/xen1", "/hosts/xen1?tab=staged"],
      ...["/people", "/people?tab=roles", "/people?tab=tokens", "/people?tab=sessions", "/people?tab=tags"],
      ...["/audit", "/settings", "/settings?tab=backups", "/settings?tab=yours"],
      ...["/provision", "/provision?image=Texts", `/provision?job=${made}`, `/provision?job=${said}`],
    ];
    for (const path of paths) {
      await page.goto(path);
      await page.getByRole("heading", { level: 1 }).waitFor();
      await page.locator(".pf-v6-c-skeleton").first().waitFor({ state: "detached" });
      await plain(page);
    }
  }, 600_000);

  test("the texts are there to be read: in a log, a token's name, a reason and a description", async () => {
    const page = await browser.opened(t.installation.adminPassword, `/jobs/${said}`);
    await page.locator(".cv-log").getByText("--config=/etc/passwd").last().waitFor();
    await plain(page);
    await page.goto("/people?tab=tokens");
    await page
      .getByText(hostileTexts["script"] ?? "", { exact: true })
      .first()
      .waitFor();
    await plain(page);
    await page.goto("/audit");
    await page.getByText("window.__xss").first().waitFor();
    await plain(page);
    await page.goto(versions);
    await page.locator(".cv-diff").getByText("--config=/etc/passwd").first().waitFor();
    await plain(page);
    await page.goto("/images/Texts");
    const frame = page.frameLocator("iframe");
    await frame.getByText("Here it begins.").waitFor();
    expect(
      await frame.locator("body").locator("script, img, svg, math, iframe, style, link, base, object").count(),
    ).toBe(0);
  }, 600_000);

  test("no page takes what a host tells for more than its letters: names, versions, places, and the words of an xl that fails", async () => {
    const { client } = t.installation;
    await addHostileHost(t);
    failBy(t, "create");
    const body = { image: "Texts", host: hostileHost, vm: "started", start: true };
    const { VM_CONF_DIR = "" } = t.installation.places(hostileHost);
    const { id } = await client.call("provision", { body: { ...body, imageConf: { VM_CONF_DIR } } });
    expect(await client.ended(id)).toMatchObject({ status: "failed", phase: "prove" });
    failBy(t, "list");
    await until(
      async () => (await client.call("showHost", { params: { name: hostileHost } })).toolstackError !== null,
      "the host's toolstack fails",
    );
    const page = await browser.opened(t.installation.adminPassword, "/");
    // Bridges are named by who set the network up; what else a host could tell is put in its mouth.
    await page.route(`**/api/v1/hosts/${hostileHost}`, async (route) => {
      const answer = await route.fetch();
      const host = await answer.json();
      const texts = wellFormed.map(([, text]) => text);
      const evil = { bridges: texts, defaultBridge: texts[0], virtCaps: texts[1], release: texts[2], problems: texts };
      await route.fulfill({ response: answer, json: { ...host, facts: { ...host.facts, ...evil } } });
    });
    const paths = [
      ...["/", "/hosts", `/hosts/${hostileHost}`, `/hosts/${hostileHost}?tab=vms`, `/hosts/${hostileHost}?tab=staged`],
      ...["/vms", "/vms/started", "/jobs", `/jobs/${id}`, "/settings?tab=agents", `/provision?host=${hostileHost}`],
    ];
    for (const path of paths) {
      await page.goto(path);
      await page.getByRole("heading", { level: 1 }).waitFor();
      await page.locator(".pf-v6-c-skeleton").first().waitFor({ state: "detached" });
      await plain(page);
    }
    await page.goto(`/hosts/${hostileHost}`);
    for (const text of [
      /4\.17 <script>window\.__xss='script'<\/script>/,
      /DROP TABLE users/,
      /javascript:window\.__xss/,
    ])
      await page.getByText(text).first().waitFor();
    await page.goto(`/jobs/${id}`);
    await page
      .getByText(/DROP TABLE users/)
      .first()
      .waitFor();
  }, 600_000);

  test("no page takes what its address says for more than its letters", async () => {
    const page = await browser.opened(t.installation.adminPassword, "/");
    for (const [, text] of wellFormed.filter(([, one]) => /xss|alert|evil/.test(one))) {
      const part = encodeURIComponent(text.slice(0, 300));
      const paths = [`/vms?name=${part}`, `/jobs/${said}?search=${part}`];
      if (!text.includes("..")) paths.push(`/images/${part}`);
      for (const path of paths) {
        await page.goto(path);
        await page.getByRole("heading", { level: 1 }).waitFor();
        await plain(page);
      }
    }
  }, 600_000);
});
