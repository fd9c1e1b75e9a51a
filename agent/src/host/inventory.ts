// What runs on this host, as the toolstack last said: asked in the background, more often while somebody watches, and at once after an act. A toolstack that
// hangs or fails leaves the last answer with its age and an error beside it, and blocks nobody: one question is under way at a time, and callers share it.
import type { Log } from "../log.js";
import type { Domain, Toolstack } from "../toolstack/toolstack.js";

export interface InventorySnapshot {
  takenAtMs: number;
  domains: readonly Domain[];
  freeMemoryMib: number;
  totalMemoryMib: number;
  toolstackError?: string;
}

const watchedIntervalMs = 5_000;
const idleIntervalMs = 30_000;
const memoryIntervalMs = 30_000;

type Listener = (snapshot: InventorySnapshot) => void;

export class Inventory {
  readonly #toolstack: Toolstack;
  readonly #log: Log;
  #last: InventorySnapshot = {
    takenAtMs: 0,
    domains: [],
    freeMemoryMib: 0,
    totalMemoryMib: 0,
    toolstackError: "not asked yet",
  };
  #memory = { freeMemoryMib: 0, totalMemoryMib: 0 };
  #memoryAtMs = 0;
  #shape = "";
  #asking: Promise<InventorySnapshot> | undefined;
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

  /** The last snapshot if it is young enough, else a new one. */
  async snapshot(maxAgeMs: number, signal: AbortSignal): Promise<InventorySnapshot> {
    signal.throwIfAborted();
    if (this.#last.takenAtMs > 0 && Date.now() - this.#last.takenAtMs <= maxAgeMs) return this.#last;
    return this.#ask();
  }

  /** Something changed: take a new snapshot now. */
  refresh(): void {
    this.#plan(0);
  }

  /** Calls `listener` with every new snapshot until the returned function is called. */
  watch(listener: Listener): () => void {
    this.#listeners.add(listener);
    this.#plan(0);
    return () => this.#listeners.delete(listener);
  }

  #plan(afterMs: number): void {
    if (this.#stopped.signal.aborted) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#ask().then(
        () => this.#plan(this.#listeners.size > 0 ? watchedIntervalMs : idleIntervalMs),
        (error: unknown) => this.#log.error("The inventory met an error of its own", { error }),
      );
    }, afterMs);
    this.#timer.unref();
  }

  #ask(): Promise<InventorySnapshot> {
    this.#asking ??= this.#take().finally(() => {
      this.#asking = undefined;
    });
    return this.#asking;
  }

  async #take(): Promise<InventorySnapshot> {
    try {
      const [domains, facts] = await Promise.all([
        this.#toolstack.list(this.#stopped.signal),
        this.#toolstack.info(this.#stopped.signal),
      ]);
      this.#last = {
        takenAtMs: Date.now(),
        domains,
        freeMemoryMib: facts.freeMemoryMib,
        totalMemoryMib: facts.totalMemoryMib,
      };
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      this.#last = { ...this.#last, toolstackError: why };
    }
    for (const listener of this.#listeners) listener(this.#last);
    return this.#last;
  }
}
