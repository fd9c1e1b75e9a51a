// What a job's journal costs its host.
import { randomUUID } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Journal } from "@convirt/agent/provision/journal";
import { Phase, type ProvisionSpec } from "@convirt/proto/provision";
import { type Summary, summarise, timed } from "./statistics.js";

const journals = 300;
const eventsOfJob = 12;
const spec: ProvisionSpec = {
  ...{ jobId: "", vmName: "web1", vmUuid: randomUUID(), image: "Tiny_Linux" },
  trees: ["Tiny_Linux", "common", "custom_scripts"].map((name) => ({ name, digest: "0".repeat(64), bytes: 10_000n })),
  ...{ imageConf: "a='b'\n".repeat(30), vmConf: "a='b'\n".repeat(20) },
  ...{ start: true, replaceDisks: false, timeoutMs: 0, cleanOnFailure: false, secrets: [] },
};

/** What a job's journal does on this machine's disk, from its creation to its end: the spec, the notes of launch and start, twelve events, all on the disk. */
export async function journalCost(): Promise<Summary> {
  const folder = mkdtempSync(join(tmpdir(), "convirt-bench-journal-"));
  try {
    const took: number[] = [];
    for (let run = 0; run < journals; run += 1) took.push(await timed(() => oneJournal(folder)));
    return summarise(took);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function oneJournal(folder: string): Promise<void> {
  const journal = Journal.create(folder, { ...spec, jobId: randomUUID() });
  const before = JSON.stringify(Array.from({ length: 50 }, (_, index) => `/vm_disks/vm-${index}.img`));
  for (let sequence = 1; sequence <= eventsOfJob; sequence += 1) {
    if (sequence === eventsOfJob / 2) journal.putDurably({ before, launched: new Date().toISOString() });
    if (sequence === eventsOfJob - 2) journal.putDurably({ creating: new Date().toISOString() });
    const event = { $case: "phaseStarted" as const, value: { phase: Phase.SCRIPT } };
    journal.append({ event: { sequence: BigInt(sequence), at: new Date().toISOString(), event }, logBytes: 0 });
  }
  await journal.synced(eventsOfJob);
  journal.close();
}
