// 1 GiB to a host: first, unchanged, with 1 MiB changed, and cut in the middle. By hand: rsync -W and scp over ssh, curl over HTTPS to a file.
import { execFileSync, spawn } from "node:child_process";
import { randomFillSync } from "node:crypto";
import { once } from "node:events";
import { closeSync, mkdirSync, openSync, readFileSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import { SshServer, serveFile } from "./by-hand.js";
import { bare, makePlace, type Place } from "./place.js";
import { timed } from "./statistics.js";

const mib = 1024 * 1024;
const size = 1024;

export async function staging(): Promise<Record<string, number>> {
  const place = await makePlace(["xen1"]);
  const ssh = await SshServer.start(join(place.folder, "ssh"));
  try {
    const image = join(place.store, "Large");
    await place.addImage("Large", "#!/bin/bash\nexit 0\n");
    const disk = join(image, "disk.raw");
    fill(disk);
    // Files are hashed when the store is read, not when a VM is asked for.
    const hashed = await timed(async () => void (await place.installation.client.call("scanImages")));
    const first = await stage(place, "first");
    const again = await stage(place, "again");
    change(disk);
    await place.installation.client.call("scanImages");
    const changed = await stage(place, "changed");
    const cut = await cutInTheMiddle(place, disk);
    const hand = await byHand(place, ssh, disk);
    return {
      mib: size,
      scan_and_hash_ms: hashed,
      ours_ms: first.ms,
      unchanged_ms: again.ms,
      unchanged_bytes: again.bytes,
      changed_ms: changed.ms,
      changed_bytes: changed.bytes,
      ...cut,
      ...hand,
      times_faster_than_rsync: (hand["rsync_ms"] ?? 0) / first.ms,
      times_the_time_of_curl: first.ms / (hand["curl_ms"] ?? 1),
    };
  } finally {
    ssh.stop();
    await place.stop();
  }
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

async function byHand(place: Place, ssh: SshServer, disk: string): Promise<Record<string, number>> {
  const target = join(place.folder, "hand");
  mkdirSync(target);
  const copy = async (program: string, words: string[]) => {
    const child = spawn(program, words, { stdio: "ignore" });
    const [code] = (await once(child, "exit")) as [number];
    if (code !== 0) throw new Error(`${program} ended with ${code}`);
  };
  const shell = `ssh -p ${ssh.port} ${ssh.options().join(" ")}`;
  const rsync = (extra: string[]) => copy("rsync", ["-e", shell, ...extra, disk, `root@127.0.0.1:${target}/r`]);
  const figures: Record<string, number> = { rsync_ms: await timed(() => rsync(["-W"])) };
  figures["rsync_unchanged_ms"] = await timed(() => rsync(["-t"]));
  await rsync(["-W", "-t"]);
  change(disk);
  figures["rsync_changed_ms"] = await timed(() => rsync(["--inplace"]));
  change(disk);
  figures["rsync_changed_bytes"] = sentBytes(
    execFileSync("rsync", ["-e", shell, "--inplace", "--ignore-times", "--stats", disk, `root@127.0.0.1:${target}/r`], {
      encoding: "utf8",
    }),
  );
  figures["scp_ms"] = await timed(() =>
    copy("scp", ["-q", "-P", String(ssh.port), ...ssh.options(), disk, `root@127.0.0.1:${target}/s`]),
  );
  rmSync(join(target, "s"));
  const { key, certificate } = selfSigned(place.folder);
  const { url, server } = await serveFile(disk, key, certificate);
  figures["curl_ms"] = await timed(() => copy("curl", ["--silent", "--insecure", "--output", join(target, "c"), url]));
  server.close();
  return figures;
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
