// From the request to the script's first log line at the client; image staged, host enrolled. By hand: a fresh scp and ssh of the same small image, and a warm
// shared ssh connection.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { SshServer } from "./by-hand.js";
import { bare, makePlace } from "./place.js";
import { type Summary, summarise, timed } from "./statistics.js";

const runs = 40;
const script = "#!/bin/bash\necho first\n";

export async function firstLine(): Promise<Record<string, Summary | number>> {
  const place = await makePlace(["xen1"]);
  const ssh = await SshServer.beside(place);
  try {
    await place.addImage("Small", script);
    const { client } = place.installation;
    const ours: number[] = [];
    for (let run = 0; run < runs + 5; run += 1) {
      let id = "";
      const took = await timed(async () => {
        const job = await client.call("provision", { body: bare(place, "Small", "xen1", `first-${run}`) });
        id = job.id;
        for await (const event of client.events(job.id)) if (event.kind === "log") break;
      });
      // One job at a time: what proves the last one must not slow the next.
      await client.ended(id);
      if (run >= 5) ours.push(took);
    }
    const fresh: number[] = [];
    const warm: number[] = [];
    for (let run = 0; run < 10; run += 1)
      fresh.push(await timed(() => byHand(ssh, join(place.store, "Small"), join(place.folder, `hand-${run}`), false)));
    for (let run = 0; run < 12; run += 1) {
      const took = await timed(() => bySsh(ssh, join(place.store, "Small"), true));
      if (run >= 2) warm.push(took);
    }
    const mine = summarise(ours);
    return {
      ours_ms: mine,
      fresh_ssh_ms: summarise(fresh),
      warm_ssh_ms: summarise(warm),
      times_faster_than_fresh_ssh: summarise(fresh).median / mine.median,
    };
  } finally {
    ssh.stop();
    await place.stop();
  }
}

async function byHand(ssh: SshServer, image: string, target: string, shared: boolean): Promise<void> {
  const copy = spawn(
    "scp",
    ["-q", "-r", "-P", String(ssh.port), ...ssh.options(shared), image, `root@127.0.0.1:${target}`],
    { stdio: "ignore" },
  );
  await once(copy, "exit");
  await bySsh(ssh, target, shared);
}

async function bySsh(ssh: SshServer, folder: string, shared: boolean): Promise<void> {
  const run = spawn(
    "ssh",
    ["-p", String(ssh.port), ...ssh.options(shared), "root@127.0.0.1", `${folder}/provision.sh`],
    { stdio: ["ignore", "pipe", "ignore"] },
  );
  await once(run.stdout, "data");
  run.kill();
}
