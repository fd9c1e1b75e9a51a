import { readFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { root } from "@convirt/demo/installation";
import { expect, test } from "vitest";

interface Chunk {
  file: string;
  css?: string[];
  imports?: string[];
}

const site = join(root, "controller/web/dist/site");
const mostScript = 230 * 1024;
const mostStyle = 110 * 1024;

/** A chunk and all that it imports, by the build's own list. */
function withImports(manifest: Record<string, Chunk>, name: string, into = new Set<string>()): Set<string> {
  if (into.has(name)) return into;
  into.add(name);
  for (const each of manifest[name]?.imports ?? []) withImports(manifest, each, into);
  return into;
}

test("the first screen is small: what a browser loads before it shows the overview", () => {
  const manifest = JSON.parse(readFileSync(join(site, ".vite/manifest.json"), "utf8")) as Record<string, Chunk>;
  const names = new Set([
    ...withImports(manifest, "index.html"),
    ...withImports(manifest, "src/overview/Overview.tsx"),
  ]);
  const chunks = [...names].map((name) => manifest[name]).filter((chunk) => chunk !== undefined);
  const packed = (files: Iterable<string>) =>
    [...new Set(files)].reduce((sum, file) => sum + gzipSync(readFileSync(join(site, file)), { level: 9 }).length, 0);
  const script = packed(chunks.map(({ file }) => file).filter((file) => file.endsWith(".js")));
  const style = packed(chunks.flatMap(({ css = [] }) => css));
  process.stdout.write(
    `first screen: ${Math.round(script / 1024)} KiB of script, ${Math.round(style / 1024)} KiB of style, packed\n`,
  );
  expect(script).toBeLessThan(mostScript);
  expect(style).toBeLessThan(mostStyle);
});
