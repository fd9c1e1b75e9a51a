// A script that prints 50 MiB: is every byte in the controller, how far is the live view behind, and how large does the controller get.
import { createHash } from "node:crypto";
import { statSync } from "node:fs";
import { join } from "node:path";
import { bare, makePlace, residentMib } from "./place.js";

const bytes = 50 * 1024 * 1024;

export async function log(): Promise<Record<string, number>> {
  const place = await makePlace(["xen1"]);
  try {
    const { client } = place.installation;
    await place.addImage("Loud", `#!/bin/bash\nbase64 -w 99 /dev/zero | head -c ${bytes}\n`);
    let peak = 0;
    const watch = setInterval(() => (peak = Math.max(peak, residentMib(place.installation.controllerPid))), 20);
    const started = performance.now();
    const job = await client.call("provision", { body: bare(place, "Loud", "xen1", "loud") });
    const path = join(place.installation.host("xen1").folder, "logs/Loud/Loud_loud.log");
    const written: [number, number][] = [];
    const sampler = setInterval(
      () => written.push([performance.now(), statSync(path, { throwIfNoEntry: false })?.size ?? 0]),
      5,
    );
    const seen = createHash("sha256");
    let length = 0;
    let lag = 0;
    let at = 0;
    for await (const data of logBytes(await client.fetch("followJob", { params: { id: job.id } }))) {
      seen.update(data);
      length += data.length;
      // When was this much of the log first on the host's disk?
      while ((written[at]?.[1] ?? Number.POSITIVE_INFINITY) < length) at += 1;
      lag = Math.max(lag, performance.now() - (written[at]?.[0] ?? performance.now()));
    }
    const took = performance.now() - started;
    clearInterval(watch);
    clearInterval(sampler);
    const detail = await client.call("showJob", { params: { id: job.id } });
    const stored = await client.log(job.id);
    const whole = createHash("sha256").update(stored).digest("hex");
    if (length !== bytes || stored.length !== bytes || whole !== detail.logSha256 || seen.digest("hex") !== whole)
      throw new Error(`Bytes are missing: ${length} seen, ${stored.length} stored, ${bytes} printed`);
    return {
      bytes,
      seconds: took / 1000,
      mib_per_second: 50 / (took / 1000),
      worst_lag_ms: lag,
      controller_peak_mib: peak,
    };
  } finally {
    await place.stop();
  }
}

/** The log's bytes of a stream of events, read as plainly as a browser would: the bench must not be what is slow. */
async function* logBytes(response: Response): AsyncGenerator<Buffer> {
  let rest = "";
  const decoder = new TextDecoder();
  for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
    const frames = (rest + decoder.decode(chunk, { stream: true })).split("\n\n");
    rest = frames.pop() ?? "";
    for (const frame of frames) {
      const data = frame.slice(frame.indexOf("data:") + 5);
      if (!frame.includes("event: log") && !frame.includes("event:log")) continue;
      yield Buffer.from((JSON.parse(data) as { base64: string }).base64, "base64");
    }
  }
}
