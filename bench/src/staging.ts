// 1 GiB to a host: first, unchanged, with 1 MiB changed, and cut in the middle. By hand: rsync -W and scp over ssh, curl over HTTPS to a file.
import { execFileSync, spawn } from "node:child_process";
import { randomFillSync } from "node:crypto";
import { once } from "node:events";
import { closeSync, mkdirSync, openSync, readFileSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import { SshServer, serveFile } from "./by-hand.js";
import { bare, makePlace, type Place } from "./place.js";
import { summarise, timed } from "./statistics.js";

const mib = 1024 * 1024;
const size = 1024;
/** Each way's figure is the median of so many; each of the four is twice the first of a round. */
const firstRounds = 8;

export async function staging(): Promise<Record<string, number>> {
  const place = await makePlace(["xen1"]);
  const ssh = await SshServer.beside(place);
  try {
    const image = join(place.store, "Large");
    await place.addImage("Large", "#!/bin/bash\nexit 0\n");
    const disk = join(image, "disk.raw");
    const firsts = await first(place, ssh, disk);
    const again = await stage(place, "again");
    change(disk);
    await place.installation.client.call("scanImages");
    settle();
    const changed = await stage(place, "changed");
    const cut = await cutInTheMiddle(place, disk);
    return {
      mib: size,
      rounds: firstRounds,
      ...firsts,
      unchanged_ms: again.ms,
      unchanged_bytes: again.bytes,
      changed_ms: changed.ms,
      changed_bytes: changed.bytes,
      ...cut,
      ...(await againByHand(place, ssh, disk)),
      times_faster_than_rsync: (firsts["rsync_ms"] ?? Number.NaN) / (firsts["ours_ms"] ?? Number.NaN),
      times_the_time_of_curl: (firsts["ours_ms"] ?? Number.NaN) / (firsts["curl_ms"] ?? Number.NaN),
    };
  } finally {
    ssh.stop();
    await place.stop();
  }
}

/** One way to bring the file: takes away what it brought before, and brings it, in ms. */
interface Way {
  clear: () => void | Promise<void>;
  bring: () => number | Promise<number>;
}

/**
 * A file that nobody has seen yet, brought by each of the ways in turn, so that all meet the same machine. What a way brought before goes just before it: memory that
 * was just let go is cheaper than memory that a virtual machine must first get from its host, and ext4 writes a file out at once that takes another's place.
 */
async function first(place: Place, ssh: SshServer, disk: string): Promise<Record<string, number>> {
  const { client } = place.installation;
  const hashed: number[] = [];
  const ways = Object.entries({ ours: ours(place), ...byHand(place, ssh, disk) });
  const took = new Map(ways.map(([name]) => [name, [] as number[]]));
  for (let round = 0; round < firstRounds; round += 1) {
    fill(disk);
    hashed.push(await timed(async () => void (await client.call("scanImages"))));
    const start = round % ways.length;
    for (const [name, way] of [...ways.slice(start), ...ways.slice(0, start)]) {
      settle();
      await way.clear();
      took.get(name)?.push(await way.bring());
    }
  }
  const medians = [...took].map(([name, all]) => [`${name}_ms`, summarise(all).median]);
  return { scan_and_hash_ms: summarise(hashed).median, ...Object.fromEntries(medians) };
}

function ours(place: Place): Way {
  const { client } = place.installation;
  let round = 0;
  return {
    clear: async () => {
      const { items } = await client.call("listStaged", { params: { name: "xen1" } });
      if (items.some(({ name }) => name === "Large"))
        await client.call("removeStaged", { params: { name: "xen1", image: "Large" } });
    },
    bring: async () => {
      round += 1;
      return (await stage(place, `first-${round}`)).ms;
    },
  };
}

function byHand(place: Place, ssh: SshServer, disk: string): Record<"rsync" | "scp" | "curl", Way> {
  const target = emptyTarget(place);
  const { key, certificate } = selfSigned(place.folder);
  const way = (file: string, bring: (path: string) => Promise<void>): Way => ({
    clear: () => rmSync(join(target, file), { force: true }),
    bring: () => timed(() => bring(join(target, file))),
  });
  return {
    rsync: way("r", (path) => copy("rsync", ["-e", shellOf(ssh), "-W", disk, `root@127.0.0.1:${path}`])),
    scp: way("s", (path) =>
      copy("scp", ["-q", "-P", String(ssh.port), ...ssh.options(), disk, `root@127.0.0.1:${path}`]),
    ),
    curl: way("c", async (path) => {
      const { url, server } = await serveFile(disk, key, certificate);
      await copy("curl", ["--silent", "--insecure", "--output", path, url]);
      server.close();
    }),
  };
}

/** Random bytes, so that nothing can be compressed or be the same twice. */
function fill(path: string): void {
  const file = openSync(path, "w");
  const block = Buffer.alloc(16 * mib);
  for (let at = 0; at < size; at += 16) writeSync(file, randomFillSync(block), 0, block.length, at * mib);
  closeSync(file);
}

/** 1 MiB in the middle, not at a chunk's edge. */
function change(path: string): void {
  const file = openSync(path, "r+");
  writeSync(file, randomFillSync(Buffer.alloc(mib)), 0, mib, 500 * mib + 12_345);
  closeSync(file);
}

/** The stage phase of a job, and the bytes of files that were sent. */
async function stage(place: Place, vm: string): Promise<{ ms: number; bytes: number }> {
  const { client } = place.installation;
  const job = await client.call("provision", { body: bare(place, "Large", "xen1", vm) });
  let bytes = 0;
  for await (const event of client.events(job.id))
    if (event.kind === "staging" && event.bytesSent === event.bytesTotal) bytes += event.bytesSent;
  const detail = await client.call("showJob", { params: { id: job.id } });
  if (detail.status !== "succeeded") throw new Error(`The job ${detail.status}: ${detail.message}`);
  return { ms: detail.phases.find((phase) => phase.phase === "stage")?.durationMs ?? Number.NaN, bytes };
}

/** All of it is new and the host's agent is killed when about half has arrived: what the next try still has to send. */
async function cutInTheMiddle(place: Place, disk: string): Promise<Record<string, number>> {
  const { client } = place.installation;
  fill(disk);
  await client.call("scanImages");
  const job = await client.call("provision", { body: bare(place, "Large", "xen1", "cut") });
  let cutAt = 0;
  let resumed = 0;
  for await (const event of client.events(job.id)) {
    if (event.kind !== "staging") continue;
    if (cutAt > 0) resumed = event.bytesTotal;
    else if (event.bytesSent >= (size / 2) * mib) {
      cutAt = event.bytesSent;
      await place.installation.stopAgent("xen1", "SIGKILL");
      await place.installation.restartAgent("xen1");
    }
  }
  const detail = await client.call("showJob", { params: { id: job.id } });
  if (detail.status !== "succeeded") throw new Error(`The job ${detail.status}: ${detail.message}`);
  return { cut_after_bytes: cutAt, sent_after_the_cut_bytes: resumed };
}

/** Waits until the disk has what was written: nobody is to pay for the one before. */
function settle(): void {
  execFileSync("sync");
}

/** What rsync needs for what is there already, and for 1 MiB that changed in it. */
async function againByHand(place: Place, ssh: SshServer, disk: string): Promise<Record<string, number>> {
  const target = emptyTarget(place);
  const rsync = (extra: string[]) => copy("rsync", ["-e", shellOf(ssh), ...extra, disk, `root@127.0.0.1:${target}/r`]);
  await rsync(["-W", "-t"]);
  const unchanged = await timed(() => rsync(["-t"]));
  change(disk);
  settle();
  const changed = await timed(() => rsync(["--inplace"]));
  change(disk);
  const stats = execFileSync(
    "rsync",
    ["-e", shellOf(ssh), "--inplace", "--ignore-times", "--stats", disk, `root@127.0.0.1:${target}/r`],
    { encoding: "utf8" },
  );
  return { rsync_unchanged_ms: unchanged, rsync_changed_ms: changed, rsync_changed_bytes: sentBytes(stats) };
}

function emptyTarget(place: Place): string {
  const target = join(place.folder, "hand");
  rmSync(target, { recursive: true, force: true });
  mkdirSync(target);
  return target;
}

function shellOf(ssh: SshServer): string {
  return `ssh -p ${ssh.port} ${ssh.options().join(" ")}`;
}

async function copy(program: string, words: string[]): Promise<void> {
  const child = spawn(program, words, { stdio: "ignore" });
  const [code] = (await once(child, "exit")) as [number];
  if (code !== 0) throw new Error(`${program} ended with ${code}`);
}

/** What rsync says that it sent and received; its numbers carry separators. */
function sentBytes(stats: string): number {
  const count = (which: string) =>
    Number((new RegExp(`^Total bytes ${which}: ([\\d.,]+)`, "m").exec(stats)?.[1] ?? "NaN").replaceAll(/[.,]/g, ""));
  return count("sent") + count("received");
}

function selfSigned(folder: string): { key: string; certificate: string } {
  const key = join(folder, "curl.key");
  const certificate = join(folder, "curl.pem");
  execFileSync(
    "openssl",
    [
      "req",
      "-x509",
      "-newkey",
      "ec",
      "-pkeyopt",
      "ec_paramgen_curve:P-256",
      "-nodes",
      "-keyout",
      key,
      "-out",
      certificate,
      "-days",
      "1",
      "-subj",
      "/CN=localhost",
    ],
    { stdio: "ignore" },
  );
  return { key: readFileSync(key, "utf8"), certificate: readFileSync(certificate, "utf8") };
}
