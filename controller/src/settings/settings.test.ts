import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { routes } from "@convirt/contract/routes";
import type { SettingView } from "@convirt/contract/settings";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { version } from "../config/version.js";
import { adminPassword, TestController } from "../testing.js";

describe("the settings as an admin sees them", () => {
  let folder: string;
  let controller: TestController;
  let body: { file: string; version: string; settings: SettingView[]; certificates: Record<string, unknown>[] };

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "convirt-settings-"));
    const file = join(folder, "other.toml");
    const secret = join(folder, "client-secret");
    writeFileSync(secret, "not to be told\n", { mode: 0o600 });
    writeFileSync(
      file,
      [
        "[backup]",
        "keep_days = 30",
        "[provisioning]",
        "jobs_per_host = 4",
        "[oidc]",
        'issuer = "https://ada:hidden@sso.example/realm"',
        'client_id = "convirt"',
        `client_secret_file = "${secret}"`,
        'public_url = "https://convirt.example"',
      ].join("\n"),
    );
    const environment = { CONVIRT_CONFIG: file, CONVIRT_PROVISIONING_JOBS_PER_HOST: "5" };
    controller = await TestController.start({ environment });
    const answer = await controller.call("GET", "/settings", { token: await controller.tokenFor("admin") });
    body = answer.body;
  });
  afterAll(async () => {
    await controller.end();
    rmSync(folder, { recursive: true, force: true });
  });

  const setting = (key: string) => body.settings.find((one) => one.key === key);

  test("are what the contract says, with the file that was read and the version", () => {
    expect(routes.showSettings.response.parse(body)).toEqual(body);
    expect(body.file).toBe(join(folder, "other.toml"));
    expect(body.version).toBe(version);
  });

  test("say of each by what it is set: the environment is stronger than the file, and the rest are defaults", () => {
    expect(setting("provisioning.jobs_per_host")).toMatchObject({ value: 5, source: "environment" });
    expect(setting("backup.keep_days")).toMatchObject({
      value: 30,
      source: "file",
      variable: "CONVIRT_BACKUP_KEEP_DAYS",
    });
    expect(setting("backup.schedule")).toMatchObject({ value: "30 2 * * *", source: "default" });
    expect(setting("data_dir")).toMatchObject({ source: "environment", variable: "CONVIRT_DATA_DIR" });
  });

  test("each come with a sentence on what it means", () => {
    expect(body.settings.filter(({ means }) => means === "")).toEqual([]);
  });

  test("name the files of secrets, and never hold what is in them", () => {
    expect(setting("oidc.client_secret_file")).toMatchObject({ value: join(folder, "client-secret") });
    const text = JSON.stringify(body);
    for (const secret of ["not to be told", adminPassword, "hidden", "PRIVATE KEY"]) expect(text).not.toContain(secret);
    expect(setting("oidc.issuer")).toMatchObject({ value: "https://sso.example/realm" });
  });

  test("tell until when each certificate is good", () => {
    expect(body.certificates.map(({ kind }) => kind)).toEqual(["authority", "https"]);
    for (const { notAfter } of body.certificates) expect(Date.parse(String(notAfter))).toBeGreaterThan(Date.now());
  });
});
