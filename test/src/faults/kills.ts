// kill -9 of the agent, of the controller and of both, at points spread over provisions: check, staging, the script, proof and the start of the VM, and over the
// programs' own starts. Every host runs jobs while its agent is killed; the controller is killed under all of them.
import { setTimeout as delay } from "node:timers/promises";
import { audit, clean } from "./audit.js";
import { type Ground, onGround, type Requested } from "./ground.js";
import { Listener } from "./listener.js";
import { Random } from "./random.js";
import type { Report, Run } from "./scenario.js";
import { freshBytes, numberedScript, numberedText } from "./scripts.js";
import { within } from "./until.js";

interface Shape {
  hosts: readonly string[];
  lines: number;
  pauseMs: number;
  /** Between two kills of the same program, in the mean. */
  betweenMs: number;
  mostKillsEach: number;
}

const short: Shape = { hosts: ["xen1", "xen2"], lines: 60, pauseMs: 50, betweenMs: 900, mostKillsEach: 4 };
const long: Shape = {
  hosts: ["xen1", "xen2", "xen3", "xen4", "xen5", "xen6"],
  lines: 200,
  pauseMs: 50,
  betweenMs: 1_500,
  mostKillsEach: 16,
};
const jobsPerHost = 2;
const stagedBytes = 3 * 1024 * 1024;
/** From the first kill to the last job's end; a loaded machine starts programs slowly. */
const roundLimitMs = 1_200_000;
/** How often a program is killed again while it starts. */
const againShare = 0.2;
const startMs = 500;

export async function kills(run: Run): Promise<Report> {
  const shape = run.long ? long : short;
  const random = new Random(run.seed);
  const total = { agent: 0, controller: 0, both: 0, whileStarting: 0 };
  const sum = { jobs: 0, ...clean };
  const complaints: string[] = [];
  await onGround({ hosts: shape.hosts }, async (ground) => {
    for (let round = 0; round < run.rounds; round += 1) {
      const done = await oneRound(ground, shape, random.fork(), round);
      for (const key of Object.keys(sum) as (keyof typeof sum)[]) sum[key] += done.outcome.audit[key];
      for (const key of Object.keys(total) as (keyof typeof total)[]) total[key] += done.counted[key];
      complaints.push(...done.outcome.complaints.map((one) => `round ${round}: ${one}`));
    }
  });
  const all = total.agent + total.controller + 2 * total.both + total.whileStarting;
  return { figures: { kills: all, killsOf: total, ...sum }, complaints };
}

async function oneRound(ground: Ground, shape: Shape, random: Random, round: number) {
  const image = `Numbered_${round}`;
  await ground.addImage(image, numberedScript(shape.lines, shape.pauseMs), {
    payload: freshBytes(random, stagedBytes),
  });
  // The last kills of the round before may be a moment ago.
  await Promise.all(shape.hosts.map((host) => ground.installation.inContact(host)));
  const jobs = await Promise.all(
    shape.hosts.flatMap((host) =>
      Array.from({ length: jobsPerHost }, (_, index) =>
        ground.provision(image, host, `r${round}-${host}-${index}`, { start: isStarted(index) }),
      ),
    ),
  );
  const over = new AbortController();
  const following = Promise.all(jobs.map((job) => new Listener(ground.client, job.id).untilEnd(over.signal)));
  const killer = new Killer(ground, shape, random);
  const killing = killer.untilOver(over.signal);
  try {
    const seen = await within(`round ${round} is over`, roundLimitMs, Promise.race([following, rejected(killing)]));
    over.abort();
    await killing;
    const expected = (job: Requested, index: number) => ({
      status: "succeeded" as const,
      text: () => numberedText(shape.lines, job.id),
      creates: isStarted(index % jobsPerHost) ? 1 : 0,
    });
    const outcome = await audit(
      ground,
      jobs.map((job, index) => {
        const one = seen[index];
        return { job, ...(one === undefined ? {} : { seen: one }), expected: expected(job, index) };
      }),
    );
    return { outcome, counted: killer.counted };
  } finally {
    over.abort();
    await killing.catch(() => undefined);
  }
}

function isStarted(index: number): boolean {
  return index % 2 === 1;
}

/** Fails when `work` fails, and says nothing of its success. */
function rejected(work: Promise<unknown>): Promise<never> {
  return new Promise((_, reject) => {
    work.catch(reject);
  });
}

class Killer {
  readonly counted = { agent: 0, controller: 0, both: 0, whileStarting: 0 };
  readonly #shape: Shape;
  readonly #random: Random;
  readonly #controller: Victim;
  readonly #agents: Victim[];

  constructor(ground: Ground, shape: Shape, random: Random) {
    this.#shape = shape;
    this.#random = random;
    const { installation } = ground;
    const again = () => {
      this.counted.whileStarting += 1;
    };
    const victim = (stop: Act, start: Act) => new Victim(stop, start, random.fork(), again);
    this.#controller = victim(
      () => installation.stopController("SIGKILL"),
      () => installation.startController(),
    );
    this.#agents = shape.hosts.map((name) =>
      victim(
        () => installation.stopAgent(name, "SIGKILL"),
        () => installation.restartAgent(name),
      ),
    );
  }

  /** Kills until the signal, and leaves everything running. */
  async untilOver(signal: AbortSignal): Promise<void> {
    await Promise.all([
      ...this.#agents.map((agent) =>
        this.#again(signal, this.#random.fork(), async () => {
          this.counted.agent += 1;
          await agent.kill();
        }),
      ),
      this.#again(signal, this.#random.fork(), async (random) => {
        const agent = this.#agents[random.whole(0, this.#agents.length - 1)];
        if (agent === undefined || random.next() < 0.5) {
          this.counted.controller += 1;
          await this.#controller.kill();
          return;
        }
        this.counted.both += 1;
        await Promise.all([this.#controller.kill(), agent.kill()]);
      }),
    ]);
  }

  async #again(signal: AbortSignal, random: Random, kill: (random: Random) => Promise<void>): Promise<void> {
    for (let count = 0; count < this.#shape.mostKillsEach; count += 1) {
      // The first comes early, while jobs are checked, staged and launched.
      const waitMs = count === 0 ? random.between(0, startMs) : random.between(0, 2 * this.#shape.betweenMs);
      await delay(waitMs, undefined, { signal }).catch(() => undefined);
      if (signal.aborted) return;
      await kill(random);
    }
  }
}

type Act = () => Promise<void>;

/** A program that is killed and started again, by one at a time. */
class Victim {
  #turn: Promise<void> = Promise.resolve();
  readonly #stop: Act;
  readonly #start: Act;
  readonly #random: Random;
  readonly #onAgain: () => void;

  constructor(stop: Act, start: Act, random: Random, onAgain: () => void) {
    this.#stop = stop;
    this.#start = start;
    this.#random = random;
    this.#onAgain = onAgain;
  }

  kill(): Promise<void> {
    this.#turn = this.#turn.then(() => this.#kill());
    return this.#turn;
  }

  async #kill(): Promise<void> {
    await this.#stop();
    while (this.#random.next() < againShare) {
      this.#onAgain();
      const starting = this.#start().catch(() => undefined);
      await delay(this.#random.between(0, startMs));
      await this.#stop();
      await starting;
    }
    await this.#start();
  }
}
