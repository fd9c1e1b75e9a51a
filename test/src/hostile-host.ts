// A host that tells hostile texts wherever it tells any: the names of its domains, what its Xen says of itself, where disks may be, and the words of an xl that fails.
import { randomUUID } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { hostileTexts, wellFormed } from "./hostile-texts.js";
import type { TestInstallation } from "./testing.js";

export const hostileHost = "told";
/** A file's text can hold them, and a line of a table. */
const inOneLine = wellFormed.filter(([, text]) => !/[\r\n]/.test(text)).map(([, text]) => text);
/** As lists give them back: xl's columns are parted by blanks. */
export const domainNames = inOneLine.map((text) => text.trim());
export const xenVersion = `4.17 ${hostileTexts["script"]} ${hostileTexts["a terminal's escapes"]}`;
export const hostname = hostileTexts["an attribute broken by a double quote"] ?? "";
export const volumeGroups = inOneLine
  .filter((text) => text !== "" && !text.includes("\u0000"))
  .map((text) => `/dev/vg ${text}`);
/** What the host's xl says when it fails. */
export const wrong = inOneLine.filter((text) => text.length < 200).join("\n");

export async function addHostileHost(t: TestInstallation): Promise<void> {
  const { xenDir, configFile } = await t.installation.addHost(hostileHost);
  // Nobody else may have the hypervisor's memory open meanwhile.
  await t.installation.stopAgent(hostileHost);
  const world = JSON.parse(readFileSync(join(xenDir, "world.json"), "utf8"));
  const [dom0] = world.domains;
  for (const name of inOneLine) {
    world.domains.push({ ...dom0, id: world.nextId, name, uuid: randomUUID(), memoryMib: 1, vcpus: 1, type: "pvh" });
    world.nextId += 1;
  }
  writeFileSync(join(xenDir, "world.json"), JSON.stringify(world));
  writeFileSync(join(xenDir, "host.json"), JSON.stringify({ nodename: hostname, xenVersion }));
  const roots = volumeGroups.map((root) => `, ${JSON.stringify(root)}`).join("");
  const toml = readFileSync(configFile, "utf8");
  writeFileSync(
    configFile,
    toml.replace(/^disk_roots = \[(.*)\]$/m, (_, own: string) => `disk_roots = [${own}${roots}]`),
  );
  await t.installation.restartAgent(hostileHost);
  const isTold = async () => {
    const { facts, domains } = await t.installation.client.call("showHost", { params: { name: hostileHost } });
    return facts?.xenVersion === xenVersion && domains === inOneLine.length;
  };
  await until(isTold, "the host has told its hostile texts");
}

/** From now on this subcommand of the host's xl fails with hostile words. */
export function failBy(t: TestInstallation, subcommand: "create" | "list"): void {
  t.installation.misbehave(hostileHost, { [subcommand]: { exitCode: 1, stderr: wrong } });
}

/** Waits for what the host reports. */
export async function until(holds: () => Promise<boolean>, what: string): Promise<void> {
  const endMs = performance.now() + 120_000;
  while (!(await holds())) {
    if (performance.now() > endMs) throw new Error(`After two minutes it is not so that ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
