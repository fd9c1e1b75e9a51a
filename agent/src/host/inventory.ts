// What runs on this host, as the toolstack last said: asked in the background, more often while somebody watches, and at once after an act. A toolstack that
// hangs or fails leaves the last answer with its age and an error beside it, and blocks nobody: one question is under way at a time, and callers share it.
import type { Log } from "../log.js";
import type { Domain, Toolstack, ToolstackFacts } from "../toolstack/toolstack.js";

export interface InventorySnapshot {
  /** When the domains were seen; 0 while the toolstack has not answered yet. */
  takenAtMs: number;
  /** The same moment by `performance.now()`, to be counted with; minus infinity while there is none. */
  takenTickMs: number;
  domains: readonly Domain[];
  freeMemoryMib: number;
  totalMemoryMib: number;
  /** Why there is nothing newer. */
  toolstackError?: string;
}

const watchedIntervalMs = 10_000;
const idleIntervalMs = 30_000;
const factsIntervalMs = 60_000;
/** How long a caller waits for the toolstack before it is given what is known. A loaded dom0 answers within a second. */
const patienceMs = 4_000;
/** How long nobody is told that a question asked in the background has no answer. */
const backgroundPatienceMs = 10_000;

type Listener = (snapshot: InventorySnapshot) => void;

export class Inventory {
  readonly #toolstack: Toolstack;
  readonly #log: Log;
  #last: InventorySnapshot = {
    ...{ takenAtMs: 0, takenTickMs: Number.NEGATIVE_INFINITY },
    ...{ domains: [], freeMemoryMib: 0, totalMemoryMib: 0 },
  };
  #facts: ToolstackFacts | undefined;
  #factsAtMs = 0;
  #shape = "";
  #asking: Promise<void> | undefined;
  /** Something changed after the question that is under way was asked. */
  #isOutdated = false;
  /** How often what had been seen was made void, and how often it had been when the question was asked that gave what is known. */
  #voided = 0;
  #answeredAfter = 0;
  #timer: NodeJS.Timeout | undefined;
  readonly #listeners = new Set<Listener>();
  readonly #stopped = new AbortController();

  constructor(toolstack: Toolstack, log: Log) {
    this.#toolstack = toolstack;
    this.#log = log;
  }

  start(): void {
    this.#plan(0);
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#stopped.abort(new Error("the agent stops"));
  }

  /** The host's own facts as the toolstack last said them; undefined while it has not answered yet. */
  get facts(): ToolstackFacts | undefined {
    return this.#facts;
  }

  /** The last snapshot if it is young enough, else a new one; the last with an error when the toolstack does not answer in time. */
  async snapshot(maxAgeMs: number, signal: AbortSignal): Promise<InventorySnapshot> {
    signal.throwIfAborted();
    if (this.#ageMs() > maxAgeMs) await this.#waitFor(this.#askAnew(), signal);
    return this.#last;
  }

  /** Something changed: take a new snapshot now. Until there is one, a young one is given again. */
  refresh(): void {
    this.#isOutdated = true;
    this.#plan(0);
  }

  /** A domain is there no more, or is another: as `refresh`, and nobody is given again what was seen before. */
  invalidate(): void {
    this.#voided += 1;
    this.refresh();
  }

  /** Of what may be given again; infinite when there is nothing. */
  #ageMs(): number {
    return this.#isVoid() ? Number.POSITIVE_INFINITY : performance.now() - this.#last.takenTickMs;
  }

  #isVoid(): boolean {
    return this.#answeredAfter !== this.#voided;
  }

  /** The question under way may be of before: then there is one more. */
  async #askAnew(): Promise<void> {
    await this.#ask();
    if (this.#isVoid()) await this.#ask();
  }

  /** Calls `listener` with every new snapshot until the returned function is called. The first is taken when what is known is as old as one who watches may have it. */
  watch(listener: Listener): () => void {
    this.#listeners.add(listener);
    this.#plan(this.#isOutdated ? 0 : Math.max(0, watchedIntervalMs - this.#ageMs()));
    return () => this.#listeners.delete(listener);
  }

  #plan(afterMs: number): void {
    if (this.#stopped.signal.aborted) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      // A toolstack that hangs is told of before it is given up.
      this.#waitFor(this.#ask(), this.#stopped.signal, backgroundPatienceMs)
        .catch((error: unknown) => {
          if (!this.#stopped.signal.aborted) this.#log.error("The inventory met an error of its own", { error });
        })
        .finally(() => this.#plan(this.#nextMs()));
    }, afterMs);
    this.#timer.unref();
  }

  #nextMs(): number {
    if (this.#isOutdated) return 0;
    return this.#listeners.size > 0 ? watchedIntervalMs : idleIntervalMs;
  }

  async #waitFor(asked: Promise<void>, signal: AbortSignal, limitMs = patienceMs): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    let leave: (() => void) | undefined;
    try {
      const given = await Promise.race([
        asked.then(() => "an answer" as const),
        new Promise<"none">((resolve) => {
          timer = setTimeout(resolve, limitMs, "none");
        }),
        new Promise<never>((_resolve, reject) => {
          leave = () => reject(signal.reason as Error);
          signal.addEventListener("abort", leave, { once: true });
        }),
      ]);
      // What is wrong since before says more, and is not to change at every question.
      if (given === "none" && this.#last.toolstackError === undefined)
        this.#publish({
          ...this.#last,
          toolstackError: `${this.#toolstack.name} has not answered for ${limitMs / 1000} s`,
        });
    } finally {
      clearTimeout(timer);
      if (leave !== undefined) signal.removeEventListener("abort", leave);
    }
  }

  #ask(): Promise<void> {
    this.#asking ??= this.#take().finally(() => {
      this.#asking = undefined;
    });
    return this.#asking;
  }

  async #take(): Promise<void> {
    // After an act the memory has changed as well, and both are asked for at once.
    const asked = this.#isOutdated ? this.#toolstack.info(this.#stopped.signal) : undefined;
    // Whoever fails second has nobody who waits for it.
    asked?.catch(() => undefined);
    this.#isOutdated = false;
    const voided = this.#voided;
    try {
      const domains = await this.#toolstack.list(this.#stopped.signal);
      // Free memory changes with the domains; between their changes it is asked for now and then only.
      const shape = domains.map((domain) => `${domain.id}:${domain.memoryMib}`).join();
      let facts = this.#facts;
      if (
        asked !== undefined ||
        facts === undefined ||
        shape !== this.#shape ||
        Date.now() - this.#factsAtMs > factsIntervalMs
      ) {
        facts = await (asked ?? this.#toolstack.info(this.#stopped.signal));
        this.#facts = facts;
        this.#factsAtMs = Date.now();
        this.#shape = shape;
      }
      const { freeMemoryMib, totalMemoryMib } = facts;
      this.#answeredAfter = voided;
      const taken = { takenAtMs: Date.now(), takenTickMs: performance.now() };
      this.#publish({ ...taken, domains, freeMemoryMib, totalMemoryMib });
    } catch (error) {
      this.#publish({ ...this.#last, toolstackError: error instanceof Error ? error.message : String(error) });
    }
  }

  #publish(snapshot: InventorySnapshot): void {
    const before = this.#last.toolstackError;
    this.#last = snapshot;
    if (this.#stopped.signal.aborted) return;
    const { toolstackError } = snapshot;
    if (toolstackError !== undefined && toolstackError !== before)
      this.#log.warn("the toolstack does not answer as it should", { why: toolstackError });
    if (toolstackError === undefined && before !== undefined) this.#log.info("the toolstack answers again");
    for (const listener of this.#listeners) listener(snapshot);
  }
}
