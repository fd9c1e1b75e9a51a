// The lists of codes are closed: each code is explained for people, is said somewhere in the agent, and is brought about by a test.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const at = (path: string) => fileURLToPath(new URL(path, import.meta.url));
const page = readFileSync(at("../../../docs/errors.md"), "utf8");
const own = readFileSync(at("./errors.ts"), "utf8");

function codesOf(type: string): string[] {
  const list = own.slice(own.indexOf(`export type ${type} =`)).split(";")[0] ?? "";
  return [...list.matchAll(/"([a-z_]+)"/g)].map(([, code = ""]) => code);
}

/** Texts below a folder, of tests or of what is no test. */
function texts(folder: string, ofTests: boolean): string[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((path) => path.endsWith(".ts") && !path.startsWith("errors/") && path.endsWith(".test.ts") === ofTests)
    .map((path) => readFileSync(join(folder, path), "utf8"));
}

const sources = texts(at(".."), false).join("\n");
const tests = [at(".."), at("../../../test/src")].flatMap((folder) => texts(folder, true)).join("\n");

test.each([...codesOf("RefusalCode"), ...codesOf("FailureCode")])(
  "%s is explained, said, and brought about",
  (code) => {
    expect(page.includes(`\`${code}\``), "it stands in docs/errors.md").toBe(true);
    expect(sources.includes(`"${code}"`), "the agent says it").toBe(true);
    expect(new RegExp(`\\b${code}\\b`).test(tests), "a test brings it about").toBe(true);
  },
);
