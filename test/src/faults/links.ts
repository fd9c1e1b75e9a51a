// The network between a controller and its host misbehaves while scripts run: it is slow, cuts in the middle of messages, refuses, and turns into a black hole.
import { setTimeout as delay } from "node:timers/promises";
import { audit, clean } from "./audit.js";
import { type Ground, onGround } from "./ground.js";
import { LinkProxy, type Weather } from "./link-proxy.js";
import { Listener } from "./listener.js";
import { Random } from "./random.js";
import type { Report, Run } from "./scenario.js";
import { freshBytes, gatedScript, gatedText, numberedScript, numberedText } from "./scripts.js";
import { until, within } from "./until.js";

const jobsAtOnce = 2;
const stagedBytes = 3 * 1024 * 1024;
const roundLimitMs = 480_000;
/** What the promise says of a half-open link. */
export const promisedMs = 45_000;

export async function badLinks(run: Run): Promise<Report> {
  const random = new Random(run.seed);
  const sum = { jobs: 0, ...clean };
  const complaints: string[] = [];
  const weathers = { slow: 0, cutting: 0, refusing: 0 };
  let cuts = 0;
  let refusals = 0;
  await throughProxy(async (ground, proxy) => {
    for (let round = 0; round < run.rounds; round += 1) {
      const outcome = await oneRound(ground, proxy, {
        random: random.fork(),
        round,
        lines: run.long ? 200 : 80,
        weathers,
      });
      for (const key of Object.keys(sum) as (keyof typeof sum)[]) sum[key] += outcome.audit[key];
      complaints.push(...outcome.complaints.map((one) => `round ${round}: ${one}`));
    }
    ({ cuts, refusals } = proxy);
  });
  return { figures: { cuts, refusals, weathers, ...sum }, complaints };
}

async function oneRound(
  ground: Ground,
  proxy: LinkProxy,
  {
    random,
    round,
    lines,
    weathers,
  }: { random: Random; round: number; lines: number; weathers: Record<string, number> },
) {
  const image = `Numbered_${round}`;
  await ground.addImage(image, numberedScript(lines, 50), { payload: freshBytes(random, stagedBytes) });
  const over = new AbortController();
  const jobs = await Promise.all(
    Array.from({ length: jobsAtOnce }, (_, index) => ground.provision(image, "xen1", `r${round}-${index}`)),
  );
  const following = Promise.all(jobs.map((job) => new Listener(ground.client, job.id).untilEnd(over.signal)));
  const changing = changeWeather(proxy, random, over.signal, weathers);
  try {
    const seen = await within(`round ${round} is over`, roundLimitMs, following);
    return await audit(
      ground,
      jobs.map((job, index) => {
        const one = seen[index];
        const text = () => numberedText(lines, job.id);
        return { job, ...(one === undefined ? {} : { seen: one }), expected: { status: "succeeded" as const, text } };
      }),
    );
  } finally {
    over.abort();
    await changing;
    await ground.installation.inContact("xen1");
  }
}

/** Bad and fair weather in turn, so that work gets on. */
async function changeWeather(
  proxy: LinkProxy,
  random: Random,
  signal: AbortSignal,
  counted: Record<string, number>,
): Promise<void> {
  while (!signal.aborted) {
    const weather = badWeather(random);
    counted[weather.kind] = (counted[weather.kind] ?? 0) + 1;
    proxy.weather = weather;
    await delay(random.between(200, 1_200), undefined, { signal }).catch(() => undefined);
    proxy.weather = { kind: "fair" };
    await delay(random.between(100, 1_500), undefined, { signal }).catch(() => undefined);
  }
}

function badWeather(random: Random): Weather {
  const draw = random.next();
  if (draw < 0.6) return { kind: "cutting", afterBytes: random.whole(1, 4_000) };
  if (draw < 0.8) return { kind: "refusing" };
  return { kind: "slow", delayMs: random.between(5, 200) };
}

/** How long each end takes to find that nothing passes any more; the job that runs meanwhile is followed to its end when the link is back. */
export async function blackHole(run: Run): Promise<Report> {
  const found = { controller: 0, agent: 0 };
  let contactLostShown = 0;
  const sum = { jobs: 0, ...clean };
  const complaints: string[] = [];
  await throughProxy(async (ground, proxy) => {
    await ground.addImage("Gated", gatedScript);
    for (let round = 0; round < run.rounds; round += 1) {
      const job = await ground.provision("Gated", "xen1", `hole-${round}`);
      await until("the script has begun", roundLimitMs, async () => (await ground.client.log(job.id)).length > 0);
      proxy.givenUp.length = 0;
      const since = performance.now();
      proxy.weather = { kind: "black hole" };
      // The limit is wider than the promise, so that the figure is seen.
      await until("both ends found the link dead", 3 * promisedMs, () =>
        ["controller", "agent"].every((by) => proxy.givenUp.some((one) => one.by === by)),
      );
      for (const by of ["controller", "agent"] as const) {
        const at = Math.min(...proxy.givenUp.filter((one) => one.by === by).map((one) => one.at));
        found[by] = Math.max(found[by], at - since);
      }
      const shown = await ground.client.call("showJob", { params: { id: job.id } });
      if (shown.status === "running" && shown.contactLostSince !== null) contactLostShown += 1;
      else complaints.push(`${job.id} is shown as ${shown.status}, contact lost since ${shown.contactLostSince}`);
      proxy.weather = { kind: "refusing" };
      proxy.weather = { kind: "fair" };
      ground.openGate(job);
      await within("the job is over", roundLimitMs, ground.client.ended(job.id));
      const outcome = await audit(ground, [{ job, expected: { status: "succeeded", text: () => gatedText } }]);
      for (const key of Object.keys(sum) as (keyof typeof sum)[]) sum[key] += outcome.audit[key];
      complaints.push(...outcome.complaints);
    }
  });
  const figures = {
    foundByControllerSeconds: Number((found.controller / 1000).toFixed(1)),
    foundByAgentSeconds: Number((found.agent / 1000).toFixed(1)),
    contactLostShown,
    ...sum,
  };
  return { figures, complaints };
}

async function throughProxy(work: (ground: Ground, proxy: LinkProxy) => Promise<void>): Promise<void> {
  let proxy: LinkProxy | undefined;
  const host = (_name: string, ground: Ground) => ({
    through: async (port: number) => {
      proxy = await LinkProxy.to(port);
      ground.atEnd(() => proxy?.close());
      return proxy.port;
    },
  });
  await onGround({ hosts: ["xen1"], host }, async (ground) => {
    if (proxy === undefined) throw new Error("The host was not asked for through the proxy");
    await work(ground, proxy);
  });
}
