// What an admin looks after: people and what they may, the record of what was done, and the settings.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { Secret, TOTP } from "otpauth";
import type { Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { preamble, startInstallation, type TestInstallation } from "../testing.js";
import { hasBrowser, seriousFaults, TestBrowser } from "./browser.js";

describe.skipIf(!hasBrowser)("in a browser", () => {
  let t: TestInstallation;
  let browser: TestBrowser;
  const password = "a password of theirs";

  beforeAll(async () => {
    t = await startInstallation(["xen1"], {
      CONVIRT_OIDC_ISSUER: "http://127.0.0.1:9/realm",
      CONVIRT_OIDC_CLIENT_ID: "convirt",
      CONVIRT_OIDC_CLIENT_SECRET_FILE: "/dev/null",
      CONVIRT_OIDC_PUBLIC_URL: "http://127.0.0.1:9",
      CONVIRT_OIDC_NAME: "Example",
      CONVIRT_BACKUP_KEEP_DAYS: "30",
    });
    browser = await TestBrowser.start(t.installation.httpUrl);
  }, 600_000);
  afterEach(() => browser.settle());
  afterAll(async () => {
    await browser.stop();
    await t.stop();
  });

  const open = (path: string): Promise<Page> => browser.opened(t.installation.adminPassword, path);
  const openGroups = async (page: Page) => {
    const closed = page.locator("details.cv-group:not([open]) > summary");
    while ((await closed.count()) > 0) await closed.first().click();
  };
  /** What an open dialog covers has no role for Playwright, and seems to be gone: to be waited for before anything is waited for to go. */
  const dialogToClose = (page: Page) => page.getByRole("dialog").waitFor({ state: "detached" });
  const addUser = (username: string) =>
    t.installation.client.call("createUser", { body: { username, password, role: "viewer" } });

  test("where a provider is set, the sign-in offers it, by its name", async () => {
    const page = await browser.page();
    await page.goto("/");
    await page.getByRole("link", { name: "Sign in by Example" }).waitFor();
    expect(await seriousFaults(page)).toEqual([]);
  }, 600_000);

  test("a user is added; a role that is root says so where it is given, and can be taken away again", async () => {
    const page = await open("/people");
    await page.getByRole("button", { name: "Add a user" }).click();
    await page.getByLabel("Name", { exact: true }).fill("ada");
    await page.getByLabel("Password, at least 10 characters").fill(password);
    await page.getByRole("button", { name: "Add", exact: true }).click();
    await page.getByRole("row", { name: /^ada viewer/ }).waitFor();
    await page.getByRole("tab", { name: "Roles" }).click();
    await page.getByRole("button", { name: "Give a role" }).click();
    await page.getByLabel("of the name").fill("ada");
    await page.getByRole("radio", { name: /image author.*root on every host where these are provisioned/ }).check();
    expect(await page.getByRole("radio", { name: /raw config.*root on these hosts/ }).count()).toBe(1);
    await page.getByRole("combobox", { name: /^For/ }).selectOption("image");
    await page.getByLabel(/^Its name/).fill("Tiny_*");
    expect(await seriousFaults(page)).toEqual([]);
    await page.getByRole("button", { name: "Give it" }).click();
    await page.getByRole("row", { name: /^ada image author image:Tiny_\*/ }).waitFor();
    await page.getByRole("button", { name: "Take away image author for image:Tiny_* from ada" }).click();
    await page.getByRole("button", { name: "Take it away" }).click();
    await dialogToClose(page);
    await page.getByRole("row", { name: /^ada image author/ }).waitFor({ state: "detached" });
  }, 600_000);

  test("a host is tagged, and its tags are listed", async () => {
    const page = await open("/people?tab=tags");
    await page.getByRole("button", { name: "Tag a host or an image" }).click();
    await page.getByLabel("of the name").fill("xen1");
    await page.getByLabel("All its tags, with blanks between").fill("live shop");
    await page.getByRole("button", { name: "Set the tags" }).click();
    await page.getByRole("row", { name: "host xen1 live, shop" }).waitFor();
  }, 600_000);

  test("a token is shown once, opens the API, and is refused when it was revoked", async () => {
    const page = await open("/people?tab=tokens");
    await page.getByRole("button", { name: "Make a token" }).click();
    await page.getByLabel("What it is for").fill("nightly");
    await page.getByRole("button", { name: "Make it" }).click();
    const token = (await page.locator(".cv-copy pre").textContent()) ?? "";
    await page.getByRole("button", { name: "I have it" }).click();
    await page.getByRole("row", { name: /^nightly admin/ }).waitFor();
    expect(await page.content()).not.toContain(token);
    const status = async () =>
      (await fetch(`${t.installation.httpUrl}/api/v1/hosts`, { headers: { authorization: `Bearer ${token}` } })).status;
    expect(await status()).toBe(200);
    await page.getByRole("button", { name: "Revoke nightly" }).click();
    await page.getByRole("button", { name: "Revoke the token" }).click();
    await dialogToClose(page);
    await page.getByRole("row", { name: /^nightly/ }).waitFor({ state: "detached" });
    expect(await status()).toBe(401);
  }, 600_000);

  test("a session that is ended asks for the password where it was", async () => {
    await addUser("grace");
    const theirs = await browser.page();
    await theirs.goto("/");
    await theirs.getByLabel("Name").fill("grace");
    await theirs.getByLabel("Password").fill(password);
    await theirs.getByRole("button", { name: "Sign in", exact: true }).click();
    await theirs.locator(".cv-frame h1").waitFor();
    const page = await open("/people?tab=sessions");
    await page.getByRole("button", { name: /^End the session of grace/ }).click();
    await page.getByRole("button", { name: "End the session", exact: true }).click();
    await dialogToClose(page);
    await page.getByRole("button", { name: /^End the session of grace/ }).waitFor({ state: "detached" });
    await theirs.getByRole("link", { name: "Images", exact: true }).click();
    await theirs.getByText("Your session has ended").waitFor();
  }, 600_000);

  test("a second factor is set by the app's first code, and asked for at the next sign-in", async () => {
    await addUser("joan");
    const page = await browser.page();
    const signIn = async () => {
      await page.goto("/people?tab=you");
      await page.getByLabel("Name").fill("joan");
      await page.getByLabel("Password").fill(password);
      await page.getByRole("button", { name: "Sign in", exact: true }).click();
    };
    await signIn();
    await page.getByRole("button", { name: "Set one" }).click();
    const secret = (await page.locator(".cv-copy pre").textContent()) ?? "";
    const app = new TOTP({ secret: Secret.fromBase32(secret.replaceAll(" ", "")) });
    await page.getByLabel("The code that the app shows").fill(app.generate());
    await page.getByRole("button", { name: "Set it" }).click();
    const noted = page.getByRole("button", { name: "I have them on paper" });
    // Until then the app's secret stands where the codes will.
    await noted.waitFor();
    const [paper = ""] = ((await page.locator(".cv-copy pre").textContent()) ?? "").split("\n");
    await noted.click();
    await page.getByText("set: signing in takes a code of your app").waitFor();
    await page.context().clearCookies();
    await signIn();
    // One from paper: the app's code was used a moment ago, and is good once.
    await page.getByLabel("Code of your app, or one of those on paper").fill(paper);
    await page.getByRole("button", { name: "Sign in", exact: true }).click();
    await page.getByText("set: signing in takes a code of your app").waitFor();
  }, 600_000);

  test("the audit is searched, a record is opened, the chain is verified and exported", async () => {
    for (const draining of [true, false])
      await t.installation.client.call("drainHost", { params: { name: "xen1" }, body: { draining } });
    const page = await open("/audit");
    await page.getByRole("button", { name: "Verify" }).click();
    await page.getByText(/records?, each as it was written/).waitFor();
    await page.getByLabel("Object, reason or words").fill("xen1");
    await page.getByText(/records? of this filter/).waitFor();
    await page.getByRole("link", { name: "drainHost" }).first().click();
    await page.getByRole("heading", { level: 1, name: /drainHost/ }).waitFor();
    await page.getByText('"draining"').waitFor();
    expect(await seriousFaults(page)).toEqual([]);
    await page.goto("/audit");
    const download = page.waitForEvent("download");
    await page.getByRole("link", { name: "Export" }).click();
    const stream = await (await download).createReadStream();
    const parts: Buffer[] = [];
    for await (const part of stream) parts.push(part as Buffer);
    const records = Buffer.concat(parts)
      .toString("utf8")
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as { number: number });
    expect(records[0]?.number).toBe(1);
    expect(records.length).toBeGreaterThan(3);
  }, 600_000);

  test("the settings say what is set and by what, back up, and hold no secret", async () => {
    const page = await open("/settings");
    await page.getByRole("row", { name: /backup\.keep_days 30 CONVIRT_BACKUP_KEEP_DAYS/ }).waitFor();
    await page.getByRole("row", { name: /provisioning\.jobs_per_host 2 default/ }).waitFor();
    await page.getByText("by name and password, or by Example").waitFor();
    expect(await seriousFaults(page)).toEqual([]);
    expect(await page.content()).not.toContain(t.installation.adminPassword);
    await page.getByRole("tab", { name: "Backups" }).click();
    await page.getByRole("button", { name: "Back up now" }).click();
    await page.getByText(/written and verified/).waitFor();
    await page.getByRole("row", { name: /convirt-.*\.db/ }).waitFor();
    await page.getByRole("tab", { name: "Agents" }).click();
    await page.getByRole("row", { name: /^xen1 In contact .* all \d+$/ }).waitFor();
    expect(await seriousFaults(page)).toEqual([]);
  }, 600_000);

  test("who is no admin finds their own choices under Settings; times in UTC are kept by the browser", async () => {
    await addUser("edith");
    const page = await browser.page();
    await page.goto("/settings");
    await page.getByLabel("Name").fill("edith");
    await page.getByLabel("Password").fill(password);
    await page.getByRole("button", { name: "Sign in", exact: true }).click();
    await page.getByRole("radio", { name: /^UTC/ }).check();
    expect(await page.getByRole("tab", { name: "Controller" }).count()).toBe(0);
    const shown = page.locator(".cv-choice time");
    const [text = "", at = ""] = [await shown.textContent(), await shown.getAttribute("datetime")].map(
      (one) => one ?? "",
    );
    expect(text).toContain(at.slice(11, 19));
    await page.reload();
    expect(await page.getByRole("radio", { name: /^UTC/ }).isChecked()).toBe(true);
    await page.getByRole("radio", { name: "Dark" }).check();
    expect(await page.locator("html.pf-v6-theme-dark").count()).toBe(1);
  }, 600_000);

  test("a secret is typed, is nowhere afterwards, and a retry asks for it again; two jobs are compared", async () => {
    const secret = "tell-nobody-1";
    await t.addImage("Secretive", {
      imageConf:
        "VM_DISKS_DIR='/vm_disks'\nVM_CONF_DIR='/vm_configs'\nroot_password=''\ncolour='red'\nsecret_options=['root_password']\ncustomizable_options=['root_password', 'colour', 'VM_DISKS_DIR', 'VM_CONF_DIR']\n",
      script: `${preamble}echo "painted $colour, opened by $root_password"\nexit 3\n`,
    });
    writeFileSync(join(t.store, "Secretive", "description.html"), "<p>Opens by a password.</p>");
    const page = await open("/provision?image=Secretive&host=xen1");
    const provision = async (name: string, colour: string) => {
      await page.getByRole("textbox", { name: "Name", exact: true }).fill(name);
      await openGroups(page);
      for (const [option, value] of Object.entries({ ...t.installation.places("xen1"), colour, root_password: secret }))
        await page.getByLabel(option, { exact: true }).fill(value);
      await page.getByRole("button", { name: "Preview" }).click();
      await page.getByText("xen1 can take it").waitFor();
      expect(await page.locator("main").textContent()).not.toContain(secret);
      await page.getByRole("button", { name: `Provision ${name} on xen1` }).click();
      await page.getByRole("heading", { level: 2, name: /Failed in script/ }).waitFor();
      expect(await page.content()).not.toContain(secret);
      expect(await page.evaluate("JSON.stringify([{ ...sessionStorage }, { ...localStorage }])")).not.toContain(secret);
    };
    await provision("vault", "red");
    await page.getByRole("link", { name: "Try again" }).click();
    await page.getByText("The earlier job was given root_password, which is secret and was not kept").waitFor();
    await openGroups(page);
    expect(await page.getByLabel("root_password", { exact: true }).inputValue()).toBe("");
    await provision("vault-2", "blue");
    await page.getByRole("link", { name: "Compare with…" }).click();
    await page.getByRole("button", { name: /^Compare with vault of/ }).click();
    await page.getByRole("row", { name: "colour blue the image's own" }).waitFor();
    await page.getByRole("row", { name: "VM vault-2 vault", exact: true }).waitFor();
    // Only what is in sight is drawn.
    const logs = page.getByRole("region", { name: "What differs in the logs" });
    await logs.scrollIntoViewIfNeeded();
    for (const colour of ["blue", "red"]) await logs.getByText(`painted ${colour}, opened by`).waitFor();
    expect(await page.content()).not.toContain(secret);
    expect(await seriousFaults(page)).toEqual([]);
  }, 600_000);
});
