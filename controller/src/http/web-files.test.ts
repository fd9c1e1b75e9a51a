import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import express from "express";
import helmet from "helmet";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { contentSecurityPolicy, serveWebFiles } from "./web-files.js";

let folder: string;
let server: Server;

const script = "console.log('a page')\n";
const html = { accept: "text/html,application/xhtml+xml" };

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "convirt-web-"));
  mkdirSync(join(folder, "assets"));
  writeFileSync(
    join(folder, "index.html"),
    `<meta property="csp-nonce" nonce="%NONCE%"><script src="/assets/a-1.js"></script>`,
  );
  writeFileSync(join(folder, "assets", "a-1.js"), script);
  writeFileSync(join(folder, "assets", "a-1.js.gz"), gzipSync(script));
  writeFileSync(join(folder, "secret.txt"), "not an asset");
});
afterEach(() => {
  server.close();
  rmSync(folder, { recursive: true, force: true });
});

async function serve(site: string): Promise<(path: string, headers?: Record<string, string>) => Promise<Response>> {
  const app = express();
  app.use(helmet({ contentSecurityPolicy }));
  serveWebFiles(app, site);
  app.use((_request, response) => void response.status(404).json({ code: "not_found" }));
  server = await new Promise<Server>((resolve) => {
    const listening = app.listen(0, "127.0.0.1", () => resolve(listening));
  });
  const { port } = server.address() as AddressInfo;
  return (path, headers = {}) => fetch(`http://127.0.0.1:${port}${path}`, { headers });
}

describe("the web UI's files", () => {
  it("are a page at every address that a person opens, never kept, each time with a nonce of its own", async () => {
    const get = await serve(folder);
    const nonces = new Set<string>();
    for (const path of ["/", "/jobs/3?tab=log", "/images/Fedora_1.0/edit", "/vms/web-1.example"]) {
      const response = await get(path, html);
      expect({ path, status: response.status }).toEqual({ path, status: 200 });
      expect(response.headers.get("cache-control")).toBe("no-store");
      const policy = response.headers.get("content-security-policy") ?? "";
      const nonce = /style-src 'self' 'nonce-([A-Za-z0-9+/=]{20,})'/.exec(policy)?.[1] ?? "none";
      expect(policy).toMatch(/script-src 'self';/);
      expect(policy).toContain("frame-ancestors 'none'");
      expect(policy).not.toContain("unsafe");
      expect(await response.text()).toContain(`nonce="${nonce}"`);
      nonces.add(nonce);
    }
    expect(nonces.size).toBe(4);
  });

  it("never stand in for what a program asks, nor for the API", async () => {
    const get = await serve(folder);
    for (const [path, headers] of [
      ["/nothing", {}],
      ["/api/v1/nothing", html],
      ["/api/v2", html],
      ["/assets/gone-2.js", html],
    ] as const) {
      const response = await get(path, headers);
      expect({ path, status: response.status }).toEqual({ path, status: 404 });
      expect(await response.json()).toEqual({ code: "not_found" });
    }
  });

  it("are kept for ever when they are assets, packed for who takes that", async () => {
    const get = await serve(folder);
    for (const encoding of ["gzip", "identity"]) {
      const response = await get("/assets/a-1.js", { "accept-encoding": encoding });
      expect(response.headers.get("cache-control")).toBe("public, max-age=31536000, immutable");
      expect(response.headers.get("content-type")).toMatch(/^text\/javascript/);
      expect(response.headers.get("content-encoding")).toBe(encoding === "gzip" ? "gzip" : null);
      expect(response.headers.get("vary")).toContain("accept-encoding");
      expect(await response.text()).toBe(script);
    }
  });

  it("are nothing from outside of the assets' folder", async () => {
    const get = await serve(folder);
    for (const path of ["/assets/..%2fsecret.txt", "/assets/%2e%2e/secret.txt", "/assets/a-1.js.gz", "/secret.txt"])
      expect({ path, status: (await get(path)).status }).toEqual({ path, status: 404 });
  });
});

describe("without a build", () => {
  it("there is a plain page that says what this is, with no script in it", async () => {
    const get = await serve(join(folder, "not-built"));
    const text = await (await get("/", html)).text();
    expect(text).toContain("/api/v1/openapi.json");
    expect(text).toContain("npm run build");
    expect(text).toContain("convirt login");
    expect(text).not.toMatch(/<script/i);
    expect((await get("/jobs", html)).status).toBe(404);
  });
});
