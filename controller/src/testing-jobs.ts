// What tests of jobs share: an image that can be provisioned, hosts that answer as they are told, and waiting for a job to be as wanted.
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { JobDetail } from "@convirt/contract/job";
import { vi } from "vitest";
import { AgentsService } from "./agents/agents.service.js";
import { TestAgent } from "./agents/testing.js";
import type { TestController } from "./testing.js";

/** A host's agent, for tests. */
export type TestHost = TestAgent;

export async function makeImage(controller: TestController, token: string, name = "Tiny"): Promise<void> {
  const store = join(controller.folder, "store");
  for (const tree of ["common", "custom_scripts", name]) mkdirSync(join(store, tree), { recursive: true });
  writeFileSync(join(store, name, "image.conf"), "size = 10\n");
  writeFileSync(join(store, name, "vm_conf.template"), `name = ''\nimage_name = '${name}'\nmemory = 256\ndisk = []\n`);
  writeFileSync(join(store, name, "provision.sh"), "#!/bin/bash\ntrue\n", { mode: 0o755 });
  await controller.call("POST", "/images/scan", { token });
}

export async function enrolHost(
  controller: TestController,
  token: string,
  name: string,
  options: Parameters<typeof TestAgent.enrol>[1] = {},
): Promise<TestAgent> {
  const { body } = await controller.call("POST", "/hosts/invitations", { token, body: { host: name } });
  const agent = await TestAgent.enrol(body.invitation, options);
  await inContact(controller, agent);
  return agent;
}

export async function inContact(controller: TestController, agent: TestAgent): Promise<void> {
  await controller.get(AgentsService).untilContact(agent.hostId, AbortSignal.timeout(25_000));
}

/** Waits until the job is as `wanted` says. */
export async function jobIs(
  controller: TestController,
  token: string,
  id: string,
  wanted: (job: JobDetail) => boolean,
): Promise<JobDetail> {
  return await vi.waitFor(async () => {
    const job = (await controller.call("GET", `/jobs/${id}`, { token })).body as JobDetail;
    if (!wanted(job)) throw new Error(`the job is ${job.status}: ${job.message ?? ""}`);
    return job;
  }, 25_000);
}
