// Two controllers by mistake on one database file: the second refuses to start and says why, by any name of the file; the first goes on. When the first is killed, the
// next one starts at once.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { symlinkSync } from "node:fs";
import { join } from "node:path";
import { root } from "@convirt/demo/installation";
import { audit, clean } from "./audit.js";
import { type Ground, onGround } from "./ground.js";
import { Listener } from "./listener.js";
import type { Report, Run } from "./scenario.js";
import { gatedScript, gatedText } from "./scripts.js";
import { until, within } from "./until.js";

const limitMs = 180_000;

export async function secondControllers(run: Run): Promise<Report> {
  const sum = { jobs: 0, ...clean };
  const complaints: string[] = [];
  let refused = 0;
  await onGround({ hosts: ["xen1"] }, async (ground) => {
    const data = join(ground.folder, "controller");
    const linked = join(ground.folder, "controller-by-another-name");
    symlinkSync(data, linked);
    await ground.addImage("Gated", gatedScript);
    for (let round = 0; round < run.rounds; round += 1) {
      const job = await ground.provision("Gated", "xen1", `two-${round}`);
      const over = new AbortController();
      const following = new Listener(ground.client, job.id).untilEnd(over.signal);
      try {
        await until("the script has begun", limitMs, async () => (await ground.client.log(job.id)).length > 0);
        for (const folder of [data, linked]) {
          const { code, said } = await startAnother(ground, folder);
          const why = `another controller (process ${ground.installation.controllerPid}) works on it`;
          if (code === 1 && said.includes(why)) refused += 1;
          else complaints.push(`A second controller ended with ${code} and said: ${said}`);
        }
        await ground.installation.stopController("SIGKILL");
        await ground.installation.startController();
        ground.openGate(job);
        const seen = await within("the job is over", limitMs, following);
        const outcome = await audit(ground, [{ job, seen, expected: { status: "succeeded", text: () => gatedText } }]);
        for (const name of Object.keys(sum) as (keyof typeof sum)[]) sum[name] += outcome.audit[name];
        complaints.push(...outcome.complaints);
        await ground.installation.inContact("xen1");
      } finally {
        over.abort();
      }
    }
  });
  return { figures: { started: 2 * run.rounds, refused, ...sum }, complaints };
}

async function startAnother(ground: Ground, dataDir: string): Promise<{ code: number | null; said: string }> {
  const second = spawn(process.execPath, [join(root, "controller/dist/bundle/main.js")], {
    env: {
      PATH: process.env["PATH"] ?? "",
      CONVIRT_DATA_DIR: dataDir,
      CONVIRT_HTTP_LISTEN: "127.0.0.1:0",
      CONVIRT_HTTPS_LISTEN: "127.0.0.1:0",
      CONVIRT_STORE_DIR: ground.store,
    },
    stdio: ["ignore", "ignore", "pipe"],
  });
  let said = "";
  second.stderr.on("data", (chunk: Buffer) => {
    said += chunk.toString("utf8");
  });
  try {
    const [code] = (await within("a second controller ends", limitMs, once(second, "close"))) as [number | null];
    return { code, said: said.trim() };
  } finally {
    second.kill("SIGKILL");
  }
}
