import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DataSource } from "typeorm";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { TestController } from "../testing.js";
import { enrolHost, inContact, makeImage, type TestHost } from "../testing-jobs.js";

const hosts = 10;
const jobs = 200;

let folder: string;
let controller: TestController;
let token: string;
const agents: TestHost[] = [];
/** From where each job is followed: by its id, the last sequence and the offset. */
const followed = new Map<string, string>();
let started = 0;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "convirt-recovery-"));
  await start();
  await makeImage(controller, token);
  for (let n = 1; n <= hosts; n += 1)
    agents.push(
      await enrolHost(controller, token, `xen${n}`, {
        provision: {
          start: (_call, done) => {
            started += 1;
            done(null, { known: false });
          },
          follow: ({ request }) => {
            followed.set(request.jobId, `${request.afterSequence} ${request.logOffset}`);
          },
        },
      }),
    );
}, 60_000);
afterEach(async () => {
  await controller.stop();
  for (const agent of agents.splice(0)) agent.kill();
  rmSync(folder, { recursive: true, force: true });
});

async function start(): Promise<void> {
  controller = await TestController.start({ folder, database: join(folder, "convirt.db") });
  token = await controller.tokenFor("admin");
}

test("after a restart 200 running jobs are followed again, each from where its record ends, and none is sent again", async () => {
  const { body } = await controller.call("POST", "/jobs", { token, body: { image: "Tiny", host: "xen1", vm: "one" } });
  await vi.waitFor(() => expect(followed.has(body.id)).toBe(true), 20_000);
  await fillWith(body.id);
  await controller.stop();
  followed.clear();
  const before = started;
  await start();
  const from = performance.now();
  for (const agent of agents) await inContact(controller, agent);
  const contactMs = Math.round(performance.now() - from);
  await vi.waitFor(() => expect(followed.size).toBe(jobs), { timeout: 60_000, interval: 10 });
  const tookMs = Math.round(performance.now() - from);
  expect(new Set(followed.values())).toEqual(new Set(["3 17"]));
  expect(started).toBe(before);
  process.stdout.write(`${JSON.stringify({ name: "attach-again", jobs, hosts, contactMs, tookMs })}\n`);
}, 150_000);

/** As many jobs like the one as there are to be, all under way, over all hosts, with something stored of each. */
async function fillWith(id: string): Promise<void> {
  const database = controller.get(DataSource);
  await database.query("UPDATE jobs SET agent_sequence = 3, log_bytes = 17");
  const columns = ((await database.query("PRAGMA table_info(jobs)")) as { name: string }[]).map(({ name }) => name);
  const own = ["id", "number", "vm", "vm_claim", "host_id", "host"];
  const names = columns.map((name) => (own.includes(name) ? "?" : name));
  for (let n = 1; n < jobs; n += 1) {
    const agent = agents[n % hosts];
    const values: Record<string, unknown> = {
      ...{ id: `${id.slice(0, -4)}${String(n).padStart(4, "0")}`, number: 1000 + n, vm: `vm${n}`, vm_claim: `vm${n}` },
      ...{ host_id: agent?.hostId, host: agent?.hostname },
    };
    const given = columns.filter((name) => own.includes(name)).map((name) => values[name]);
    await database.query(`INSERT INTO jobs (${columns.join(", ")}) SELECT ${names.join(", ")} FROM jobs WHERE id = ?`, [
      ...given,
      id,
    ]);
  }
}
