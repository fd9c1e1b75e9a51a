// An empty script, 200 VMs over three agents, all proven. And with the 200 there: how long a list of them takes.
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { root } from "@convirt/demo/installation";
import { bare, cpuSeconds, makePlace, residentMib } from "./place.js";
import { type Summary, summarise, timed } from "./statistics.js";

const vms = 200;
const hosts = ["xen1", "xen2", "xen3"];
/** What was begun at the start comes to its end: the first inventories, and what V8 makes of the program meanwhile. */
const settleMs = 15_000;
const idleMs = 60_000;

export async function many(): Promise<Record<string, Summary | number>> {
  const place = await makePlace(hosts, { jobs: 2 });
  try {
    const { client } = place.installation;
    await new Promise((resolve) => setTimeout(resolve, settleMs));
    const idle = await atRest(place);
    await place.addImage("Empty", "#!/bin/bash\nexit 0\n");
    const took = await timed(async () => {
      const jobs = await Promise.all(
        Array.from({ length: vms }, (_, index) =>
          client.call("provision", { body: bare(place, "Empty", hosts[index % hosts.length] ?? "", `vm-${index}`) }),
        ),
      );
      const ended = await Promise.all(jobs.map((job) => client.ended(job.id)));
      const bad = ended.filter((job) => job.status !== "succeeded" || !job.proofs.every((proof) => proof.holds));
      if (bad.length > 0) throw new Error(`${bad.length} of ${vms} jobs did not succeed: ${bad[0]?.message ?? ""}`);
    });
    const api: number[] = [];
    for (let run = 0; run < 50; run += 1)
      api.push(
        await timed(async () => void (await (await client.fetch("listVms", { query: { perPage: 200 } })).text())),
      );
    const cli: number[] = [];
    const env = {
      PATH: process.env["PATH"] ?? "",
      HOME: place.folder,
      CONVIRT_SERVER: place.installation.httpUrl,
      CONVIRT_TOKEN: client.token,
    };
    for (let run = 0; run < 10; run += 1) {
      cli.push(
        await timed(
          () =>
            void spawnSync(process.execPath, [join(root, "cli/bin/convirt.js"), "vm", "list", "--per-page", "200"], {
              env,
            }),
        ),
      );
    }
    return {
      vms,
      seconds: took / 1000,
      vms_per_second: vms / (took / 1000),
      list_api_ms: summarise(api),
      list_cli_ms: summarise(cli),
      ...idle,
    };
  } finally {
    await place.stop();
  }
}

/** Memory and processor time of programs that have nothing to do. */
async function atRest(place: Awaited<ReturnType<typeof makePlace>>): Promise<Record<string, number>> {
  const agent = place.installation.host("xen1").process.pid ?? 0;
  const before = cpuSeconds(agent);
  await new Promise((resolve) => setTimeout(resolve, idleMs));
  return {
    agent_idle_mib: residentMib(agent),
    agent_idle_percent_of_a_core: ((cpuSeconds(agent) - before) / (idleMs / 1000)) * 100,
    controller_mib_with_three_hosts: residentMib(place.installation.controllerPid),
  };
}
