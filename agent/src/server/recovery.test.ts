// What an agent knows when the first call reaches it: all of what was under way before.
import { writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { type JobEvent, type ListJobsReply, ProvisionServiceClient } from "@convirt/proto/provision";
import { credentials, Metadata } from "@grpc/grpc-js";
import { afterEach, expect, test } from "vitest";
import { TestHost } from "../provision/testing.js";
import { TestAuthority, testAgent } from "../testing.js";

let host: TestHost | undefined;
afterEach(() => host?.remove());

test("a controller that connects in the very moment in which an agent comes back finds every job, and can follow each", async () => {
  host = await new TestHost().up();
  const done = host.spec(host.image("Plain", "echo hello"), "done");
  await host.run(done);
  const gate = join(host.path, "disks", "gate");
  const script = `touch "$disks/begun"; until [ -e "${gate}" ]; do sleep 0.02; done; echo end`;
  const underWay = host.spec(host.image("Gated", script), "web");
  await host.start(underWay);
  await host.appears("disks/begun");
  await host.down();

  const authority = await TestAuthority.create();
  const { key, certificate } = await authority.issue("urn:convirt:controller");
  const port = await freePort();
  const tls = credentials.createSsl(Buffer.from(authority.certificate), Buffer.from(key), Buffer.from(certificate), {
    checkServerIdentity: () => undefined,
  });
  // Tries again at once for as long as nobody listens there.
  const client = new ProvisionServiceClient(`127.0.0.1:${port}`, tls, {
    "grpc.initial_reconnect_backoff_ms": 1,
    "grpc.min_reconnect_backoff_ms": 1,
    "grpc.max_reconnect_backoff_ms": 1,
  });
  const patient = new Metadata({ waitForReady: true });
  const listed = new Promise<ListJobsReply>((resolve, reject) =>
    client.listJobs({}, patient, (error, reply) => (error === null ? resolve(reply) : reject(error))),
  );
  const followed = [done, underWay].map((spec) =>
    lastOf(client.follow({ jobId: spec.jobId, afterSequence: 0n, logOffset: 0n }, patient)),
  );
  const identity = await authority.hostIdentity("xen1");
  const agent = await testAgent({ config: { ...host.config, listen: `127.0.0.1:${port}` }, identity });
  try {
    expect((await listed).jobs.map(({ jobId, ended }) => ({ jobId, ended }))).toEqual(
      expect.arrayContaining([
        { jobId: done.jobId, ended: true },
        { jobId: underWay.jobId, ended: false },
      ]),
    );
    writeFileSync(gate, "");
    const ends = await Promise.all(followed);
    expect(ends.map((event) => event?.event?.$case)).toEqual(["ended", "ended"]);
    expect(host.runs(underWay.jobId)).toBe(1);
  } finally {
    client.close();
    await agent.stop();
  }
});

async function lastOf(stream: AsyncIterable<JobEvent>): Promise<JobEvent | undefined> {
  let last: JobEvent | undefined;
  for await (const event of stream) last = event;
  return last;
}

/** One that nobody has at this moment. */
function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address !== null ? address.port : 0));
    });
  });
}
