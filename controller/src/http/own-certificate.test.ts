import { X509Certificate } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect } from "node:tls";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Authority } from "../config/authority.js";
import { TestController } from "../testing.js";

let folder: string;
let certificate: string;
let environment: Record<string, string>;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "convirt-own-"));
  const other = await (await Authority.open(folder)).server("convirt.example");
  certificate = other.certificate;
  writeFileSync(join(folder, "cert.pem"), other.certificate);
  writeFileSync(join(folder, "key.pem"), other.key);
  environment = {
    CONVIRT_WEB_LISTEN: "127.0.0.1:0",
    CONVIRT_WEB_CERTIFICATE_FILE: join(folder, "cert.pem"),
    CONVIRT_WEB_KEY_FILE: join(folder, "key.pem"),
  };
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** SHA-256 of the certificate that is shown there. */
function shownAt(url: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port: Number(new URL(url).port), host: "127.0.0.1", rejectUnauthorized: false }, () => {
      resolve(socket.getPeerX509Certificate()?.fingerprint256 ?? "");
      socket.destroy();
    });
    socket.once("error", reject);
  });
}

test("people are shown the certificate that was given, and hosts the controller's own", async () => {
  const controller = await TestController.start({ environment });
  const given = new X509Certificate(certificate).fingerprint256;
  expect(await shownAt(controller.webUrl)).toBe(given);
  expect(await shownAt(controller.httpsUrl)).not.toBe(given);
  await controller.end();
});

test("a certificate that is not there stops the start, and says which file", async () => {
  const missing = { ...environment, CONVIRT_WEB_KEY_FILE: join(folder, "nothing.pem") };
  await expect(TestController.start({ environment: missing })).rejects.toThrow(
    /Cannot listen on 127\.0\.0\.1:0: .*nothing\.pem/,
  );
});
