// The web UI's files, as `npm run build` left them. Assets have their content's hash in their name, so a browser keeps them for ever; the page itself is never
// kept, and carries a nonce of its own for the few styles that the editor makes as it runs. Every address that a person can open and that is not the API's is the
// page's. Without a build, a plain page says what this is.
import { randomBytes } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Express, Request, Response } from "express";
import { apiPrefix } from "../config/api.js";
import { version } from "../config/version.js";

/** Beside both the sources and what is compiled of them. */
const builtSite = fileURLToPath(new URL("../../web/dist/site", import.meta.url));

const self = "'self'";
const none = "'none'";
/** The policy of every answer; a page's own adds its nonce. */
export const contentSecurityPolicy = {
  useDefaults: false,
  directives: {
    ...{ defaultSrc: [none], scriptSrc: [self], styleSrc: [self], fontSrc: [self], connectSrc: [self] },
    ...{ imgSrc: [self, "data:"], formAction: [self], baseUri: [none], frameAncestors: [none], objectSrc: [none] },
  },
};

/** Answers the page's addresses and its assets; `site` is the folder of the build. */
export function serveWebFiles(app: Express, site = builtSite): void {
  const index = join(site, "index.html");
  const page = existsSync(index) ? readFileSync(index, "utf8") : undefined;
  const assets = new Set(page === undefined ? [] : readdirSync(join(site, "assets")));
  app.get("/assets/:name", (request, response, next) => {
    const { name } = request.params;
    if (name.endsWith(".gz") || !assets.has(name)) {
      next();
      return;
    }
    const isPacked = assets.has(`${name}.gz`) && request.acceptsEncodings("gzip") === "gzip";
    response.type(name.slice(name.lastIndexOf(".")));
    response.vary("accept-encoding");
    if (isPacked) response.setHeader("content-encoding", "gzip");
    response.sendFile(isPacked ? `${name}.gz` : name, { root: join(site, "assets"), immutable: true, maxAge: "1y" });
  });
  app.get("/{*path}", (request, response, next) => {
    if (!isForPeople(request)) next();
    else if (page === undefined) request.path === "/" ? void response.type("html").send(plainPage) : next();
    else sendPage(page, response);
  });
}

/** A browser that goes to an address asks for a page; programs and the page's own requests do not. */
function isForPeople({ path, headers }: Request): boolean {
  if (path === apiPrefix || path.startsWith("/api/") || path.startsWith("/assets/")) return false;
  return path === "/" || headers.accept?.includes("text/html") === true;
}

function sendPage(page: string, response: Response): void {
  const nonce = randomBytes(16).toString("base64");
  const policy = String(response.getHeader("content-security-policy"));
  response.setHeader(
    "content-security-policy",
    policy.replace("style-src 'self'", `style-src 'self' 'nonce-${nonce}'`),
  );
  response.setHeader("cache-control", "no-store");
  response.type("html").send(page.replaceAll("%NONCE%", nonce));
}

const plainPage = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>ConVirt</title>
<h1>ConVirt</h1>
<p>This is a ConVirt controller, version ${version}. It keeps an image store, and provisions VMs from it on Xen hosts.</p>
<p>Its web UI was not built (<code>npm run build</code> makes it). Its API is at <code>/api/v1</code>;
<a href="/api/v1/openapi.json">openapi.json</a> describes it.</p>
<p>On a terminal:</p>
<pre>convirt login ADDRESS-OF-THIS-PAGE
convirt image list
convirt --help</pre>
</html>
`;
