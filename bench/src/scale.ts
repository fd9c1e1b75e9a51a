// Lists when there is much to list: 10,000 VMs on 50 hosts, 100,000 jobs, as many records of the audit. Each list route, by its first and its last page, by each of its
// filters, sorted by each of its fields both ways; one reader, one request after another.
import { mkdirSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { RouteName } from "@convirt/contract/routes";
import { Installation } from "@convirt/demo/installation";
import { fill, type Size } from "./fill.js";
import { residentMib } from "./place.js";
import { timed } from "./statistics.js";

const size: Size = { hosts: 50, vms: 10_000, jobs: 100_000, users: 50 };
const runs = 100;
const perPage = 50;

/** What a list can be sorted and filtered by; `last`: where its last page is. */
const lists: Partial<Record<RouteName, { sorts: string[]; filters: Record<string, string>[] }>> = {
  listVms: {
    sorts: ["name", "host", "image", "state", "memoryMib", "vcpus", "createdAt", "stateAgeS"],
    filters: [
      ...[{ host: "xen07" }, { image: "Image_7" }, { name: "-0010" }, { state: "running" }, { state: "stopped" }],
      { state: "running", sort: "-memoryMib" },
    ],
  },
  listJobs: {
    sorts: ["createdAt", "startedAt", "endedAt", "status", "image", "host", "vm", "requestedBy"],
    filters: [
      ...[{ host: "xen07" }, { image: "Image_7" }, { vm: "vm-050000" }, { status: "lost" }, { status: "succeeded" }],
      ...[
        { status: "succeeded", sort: "startedAt" },
        { status: "lost", sort: "vm" },
      ],
      ...[
        { host: "xen07", sort: "-endedAt" },
        { image: "Image_7", status: "failed", sort: "requestedBy" },
      ],
    ],
  },
  listAudit: {
    sorts: ["number", "at", "username", "action", "outcome"],
    filters: [
      ...[{ user: "ada" }, { action: "provision" }, { outcome: "failed" }, { since: "2025-11-01T00:00:00.000Z" }],
      ...[{ object: "vm vm-050000" }, { text: "vm-05000" }],
    ],
  },
  listHosts: {
    sorts: ["name", "contact", "lastContactAt", "enrolledAt", "freeMemoryMib", "domains"],
    filters: [{ name: "xen0" }, { contact: "silent" }],
  },
  listImages: { sorts: ["name", "vms"], filters: [{ name: "a" }] },
  listUsers: { sorts: ["username", "role", "createdAt", "lastSignInAt"], filters: [{ role: "admin" }] },
  listTokens: { sorts: ["name", "createdAt"], filters: [] },
  listSessions: { sorts: ["username", "createdAt"], filters: [] },
  listGrants: { sorts: ["subject", "role"], filters: [{ user: "user-7" }] },
  listTags: { sorts: ["tag"], filters: [] },
  listDrift: { sorts: ["host", "name"], filters: [{ host: "xen07" }] },
};

interface Figure {
  p50: number;
  p99: number;
}

export async function scale(): Promise<Record<string, unknown>> {
  const folder = mkdtempSync(join(tmpdir(), "convirt-bench-"));
  const store = join(folder, "store");
  mkdirSync(store);
  const installation = new Installation({ folder, store });
  try {
    await installation.start();
    await installation.stopController();
    const filling = await timed(() => fill(installation.controllerEnvironment, size));
    const starting = await timed(() => installation.startController());
    const atRest = residentMib(installation.controllerPid);
    const figures: Record<string, Record<string, Figure>> = {};
    for (const [name, { sorts, filters }] of Object.entries(lists))
      figures[name] = await measured(installation, name as RouteName, { sorts, filters });
    return {
      ...size,
      ...{ per_page: perPage, runs_each: runs, fill_seconds: filling / 1000, start_ms: starting },
      database_mib: statSync(join(folder, "controller", "convirt.db")).size / 2 ** 20,
      controller_mib_at_rest: atRest,
      controller_mib_after: residentMib(installation.controllerPid),
      worst: Object.fromEntries(Object.entries(figures).map(([name, own]) => [name, worstOf(own)])),
      lists: figures,
    };
  } finally {
    await installation.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function measured(
  { client }: Installation,
  name: RouteName,
  { sorts, filters }: { sorts: string[]; filters: Record<string, string>[] },
): Promise<Record<string, Figure>> {
  const ask = async (query: Record<string, string | number>) =>
    (await (await client.fetch(name, { query: { perPage, ...query } })).json()) as { total: number };
  const { total } = await ask({});
  const variants = [
    ...[{}, { page: Math.max(1, Math.ceil(total / perPage)) }],
    ...sorts.flatMap((sort) => [{ sort }, { sort: `-${sort}` }]),
    ...filters,
  ];
  const figures: Record<string, Figure> = {};
  for (const query of variants) {
    const took: number[] = [];
    for (let run = 0; run < runs; run += 1) took.push(await timed(async () => void (await ask(query))));
    const sorted = took.sort((a, b) => a - b);
    const at = (share: number) => sorted[Math.floor(share * sorted.length)] ?? Number.NaN;
    figures[
      Object.entries(query)
        .map(([key, value]) => `${key}=${value}`)
        .join("&")
    ] = { p50: at(0.5), p99: at(0.99) };
  }
  return figures;
}

function worstOf(figures: Record<string, Figure>): Figure & { query: string } {
  const [first] = Object.entries(figures).sort(([, a], [, b]) => b.p99 - a.p99);
  return { query: first?.[0] ?? "", ...(first?.[1] ?? { p50: Number.NaN, p99: Number.NaN }) };
}
