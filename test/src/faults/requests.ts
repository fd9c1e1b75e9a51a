// The same request, many times: at once, again when the job has ended, while the controller is killed, and after its restart. It is one job, and its script runs once.
import { randomUUID } from "node:crypto";
import { ApiError } from "@convirt/demo/api-client";
import { audit, clean } from "./audit.js";
import { type Ground, onGround, type Requested } from "./ground.js";
import type { Report, Run } from "./scenario.js";
import { gatedScript, gatedText } from "./scripts.js";
import { within } from "./until.js";

const times = 20;
const limitMs = 120_000;

export async function sameRequest(run: Run): Promise<Report> {
  const sum = { jobs: 0, ...clean };
  const complaints: string[] = [];
  let requests = 0;
  let jobsTooMany = 0;
  await onGround({ hosts: ["xen1"] }, async (ground) => {
    await ground.addImage("Gated", gatedScript);
    for (let round = 0; round < run.rounds; round += 1) {
      for (const killed of [false, true]) {
        const vm = `same-${round}-${killed ? "killed" : "calm"}`;
        const { ids, sent } = await askAgainAndAgain(ground, vm, killed);
        requests += sent;
        const [id = ""] = ids;
        jobsTooMany += ids.size - 1;
        const listed = await ground.client.call("listJobs", { query: { vm } });
        if (ids.size !== 1 || listed.total !== 1)
          complaints.push(`${vm}: ${sent} requests were answered with ${ids.size} jobs; ${listed.total} are listed`);
        const job: Requested = { id, host: "xen1", image: "Gated", vm };
        const outcome = await audit(ground, [{ job, expected: { status: "succeeded", text: () => gatedText } }]);
        for (const key of Object.keys(sum) as (keyof typeof sum)[]) sum[key] += outcome.audit[key];
        complaints.push(...outcome.complaints);
      }
    }
  });
  return { figures: { requests, jobsTooMany, ...sum }, complaints };
}

async function askAgainAndAgain(
  ground: Ground,
  vm: string,
  killed: boolean,
): Promise<{ ids: Set<string>; sent: number }> {
  const headers = { "idempotency-key": randomUUID() };
  const body = ground.body("Gated", "xen1", vm);
  const ids = new Set<string>();
  let sent = 0;
  const ask = async () => {
    sent += 1;
    try {
      ids.add((await ground.client.call("provision", { body, headers })).id);
    } catch (error) {
      // An answer is a fault of the controller's; no answer is what a killed one gives.
      if (error instanceof ApiError) throw error;
    }
  };
  const atOnce = () => Promise.all(Array.from({ length: times }, ask));
  if (killed) {
    const first = atOnce();
    await ground.installation.stopController("SIGKILL");
    await first;
    await ground.installation.startController();
    // The links come back after the controller's start, and only a host in contact takes new jobs.
    await ground.installation.inContact("xen1");
  }
  await atOnce();
  const [id = ""] = ids;
  ground.openGate({ id, host: "xen1", image: "Gated", vm });
  await within("the job is over", limitMs, ground.client.ended(id));
  await atOnce();
  await ground.installation.stopController("SIGKILL");
  await ground.installation.startController();
  await atOnce();
  await ground.installation.inContact("xen1");
  return { ids, sent };
}
