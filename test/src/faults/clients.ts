// Those who watch: clients that are cut off at random and resume, and clients that ask for a job's events and never read one, while a script prints 50 MiB.
import { readFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { audit, clean } from "./audit.js";
import { type Ground, onGround, type Requested } from "./ground.js";
import { Listener } from "./listener.js";
import { Random } from "./random.js";
import type { Report, Run } from "./scenario.js";
import { numberedScript, numberedText, scriptOf } from "./scripts.js";
import { until, within } from "./until.js";

const loudMib = 50;
const loudBytes = loudMib * 1024 * 1024;
const limitMs = 300_000;

/** Clients that are cut after a few events each time, while the script prints and when it has ended. */
export async function cutClients(run: Run): Promise<Report> {
  const random = new Random(run.seed);
  const clients = run.long ? 12 : 6;
  const lines = run.long ? 2_000 : 400;
  const sum = { jobs: 0, ...clean };
  const complaints: string[] = [];
  let connections = 0;
  await onGround({ hosts: ["xen1"] }, async (ground) => {
    await ground.addImage("Numbered", numberedScript(lines, 5));
    for (let round = 0; round < run.rounds; round += 1) {
      const job = await ground.provision("Numbered", "xen1", `cut-${round}`);
      const over = new AbortController();
      const following = Array.from({ length: clients }, () =>
        new Listener(ground.client, job.id, { random: random.fork(), most: 30 }).untilEnd(over.signal),
      );
      try {
        const all = await within("every client saw the end", limitMs, Promise.all(following));
        connections += all.reduce((count, seen) => count + seen.connections, 0);
        const expected = { status: "succeeded" as const, text: () => numberedText(lines, job.id) };
        for (const seen of all) {
          const outcome = await audit(ground, [{ job, seen, expected }]);
          for (const key of Object.keys(clean) as (keyof typeof clean)[]) sum[key] += outcome.audit[key];
          complaints.push(...outcome.complaints);
        }
        sum.jobs += 1;
      } finally {
        over.abort();
      }
    }
  });
  return { figures: { clients: clients * run.rounds, connections, ...sum }, complaints };
}

/** What the controller's memory comes to with clients that never read, beside what it comes to without them. */
export async function deafClients(run: Run): Promise<Report> {
  const clients = run.long ? 50 : 20;
  const sum = { jobs: 0, ...clean };
  const complaints: string[] = [];
  let alone = 0;
  let withDeaf = 0;
  await onGround({ hosts: ["xen1"] }, async (ground) => {
    await ground.addImage("Loud", scriptOf(`base64 -w 99 /dev/zero | head -c ${loudBytes}`));
    for (let round = 0; round < run.rounds; round += 1) {
      for (const deaf of [0, clients]) {
        const job = await ground.provision("Loud", "xen1", `loud-${round}-${deaf}`);
        const { peakMib, outcome } = await loudJob(ground, job, deaf);
        if (deaf === 0) alone = Math.max(alone, peakMib);
        else withDeaf = Math.max(withDeaf, peakMib);
        for (const key of Object.keys(sum) as (keyof typeof sum)[]) sum[key] += outcome.audit[key];
        complaints.push(...outcome.complaints);
      }
    }
  });
  const figures = { clients, mibPrinted: loudMib, peakMibWithout: alone, peakMibWith: withDeaf, ...sum };
  return { figures, complaints };
}

async function loudJob(ground: Ground, job: Requested, deaf: number) {
  const sockets = Array.from({ length: deaf }, () => deafClient(ground, job.id));
  let peakMib = 0;
  const over = new AbortController();
  try {
    const following = new Listener(ground.client, job.id).untilEnd(over.signal);
    const done = await within(
      "the loud job is over",
      limitMs,
      Promise.race([
        following,
        until("", limitMs, () => {
          peakMib = Math.max(peakMib, residentMib(ground.installation.controllerPid));
          return over.signal.aborted;
        }).then(() => following),
      ]),
    );
    const text = () =>
      "A"
        .repeat(99)
        .concat("\n")
        .repeat(Math.ceil(loudBytes / 100))
        .slice(0, loudBytes);
    const outcome = await audit(ground, [{ job, seen: done, expected: { status: "succeeded", text } }]);
    return { peakMib: Math.round(peakMib), outcome };
  } finally {
    over.abort();
    for (const socket of sockets) socket.destroy();
  }
}

/** Asks as any client does, and reads nothing of the answer. */
function deafClient(ground: Ground, jobId: string): Socket {
  const { hostname, port } = new URL(ground.client.url);
  const socket = connect(Number(port), hostname);
  socket.pause();
  socket.on("error", () => undefined);
  socket.write(
    `GET /api/v1/jobs/${jobId}/events HTTP/1.1\r\nHost: ${hostname}\r\nAuthorization: Bearer ${ground.client.token}\r\n\r\n`,
  );
  return socket;
}

export function residentMib(pid: number): number {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0) / 1024;
}
