// The pages as files: hashed names, so that a browser may keep them for ever, each also packed by gzip once, here, and not at every request. Fonts and pictures
// stay files: the policy of the pages lets no data in. `npm run build` calls this when a source has changed.
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { constants, gzipSync } from "node:zlib";
import react from "@vitejs/plugin-react";
import { defineConfig, type Plugin } from "vite";

const site = join(import.meta.dirname, "dist", "site");

function pack(): Plugin {
  return {
    name: "pack",
    writeBundle: () => {
      const assets = join(site, "assets");
      for (const name of readdirSync(assets).filter((name) => /\.(js|css|svg)$/.test(name)))
        writeFileSync(
          join(assets, `${name}.gz`),
          gzipSync(readFileSync(join(assets, name)), { level: constants.Z_BEST_COMPRESSION }),
        );
    },
  };
}

export default defineConfig({
  plugins: [react(), pack()],
  build: {
    outDir: site,
    emptyOutDir: true,
    target: "es2022",
    assetsInlineLimit: 0,
    manifest: true,
    reportCompressedSize: false,
    chunkSizeWarningLimit: 1024,
    modulePreload: { polyfill: false },
  },
});
