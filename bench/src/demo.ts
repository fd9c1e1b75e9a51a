// From the start of `npm run demo`, all built, to the first line of the script's log: a controller with a new database, an enrolment, an agent, staging and all. Beside
// it what this machine takes for a fresh ssh, by which runs on other days and other machines can be compared.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { root } from "@convirt/demo/installation";
import { SshServer } from "./by-hand.js";
import { type Summary, summarise, timed } from "./statistics.js";

const runs = 7;

export async function demo(): Promise<Record<string, Summary>> {
  const folder = mkdtempSync(join(tmpdir(), "convirt-bench-"));
  const place = { folder, stop: async () => rmSync(folder, { recursive: true, force: true }) };
  const ssh = await SshServer.beside(place);
  const firstLine: number[] = [];
  const fresh: number[] = [];
  try {
    for (let run = 0; run < runs; run += 1) {
      firstLine.push(await untilFirstLine());
      fresh.push(await timed(() => sayNothing(ssh)));
    }
    return { first_line_ms: summarise(firstLine), fresh_ssh_ms: summarise(fresh) };
  } finally {
    ssh.stop();
    await place.stop();
  }
}

async function untilFirstLine(): Promise<number> {
  const started = performance.now();
  const child = spawn(process.execPath, [join(root, "demo/dist/main.js"), "--once"], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const ended = once(child, "exit");
  let took = Number.NaN;
  for await (const line of createInterface({ input: child.stdout }))
    if (line.includes("first line of the log")) took = performance.now() - started;
  const [code] = await ended;
  if (code !== 0) throw new Error(`The demo ended with ${code}`);
  return took;
}

async function sayNothing(ssh: SshServer): Promise<void> {
  const words = ["-p", String(ssh.port), ...ssh.options(false), "root@127.0.0.1", "true"];
  await once(spawn("ssh", words, { stdio: "ignore" }), "exit");
}
