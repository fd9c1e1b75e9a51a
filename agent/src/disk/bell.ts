// Tells one who waits that there is something new to look at. Followers and runners' ends wait by it, ten and more at a time on a busy host, so a wait costs one timer.
import { type FSWatcher, watch } from "node:fs";

export class Bell {
  #watcher: FSWatcher | undefined;
  #isRinging = false;
  #wake: () => void = () => undefined;

  /** Whether the system tells of changes. Where it does not (it has no watcher left, say) one must look by oneself, and often. */
  get isWatching(): boolean {
    return this.#watcher !== undefined;
  }

  ring(): void {
    this.#isRinging = true;
    this.#wake();
  }

  /** Before one looks: what comes from now on rings again. */
  reset(): void {
    this.#isRinging = false;
  }

  /** Rings at every change of a file, or in a folder. */
  watch(path: string): void {
    this.unwatch();
    try {
      const watcher = watch(path, () => this.ring());
      watcher.on("error", () => {
        watcher.close();
        if (this.#watcher === watcher) this.#watcher = undefined;
      });
      this.#watcher = watcher;
    } catch {
      // It was renamed in this moment, or there is no watcher left: whoever waits looks by himself.
    }
  }

  /** Resolves when it rings, when the time is over, or when the signal ends the wait. */
  async rung(limitMs: number, signal: AbortSignal): Promise<void> {
    if (this.#isRinging || signal.aborted) return;
    await new Promise<void>((resolve) => {
      const done = () => {
        clearTimeout(timer);
        signal.removeEventListener("abort", done);
        resolve();
      };
      const timer = setTimeout(done, limitMs);
      this.#wake = done;
      signal.addEventListener("abort", done);
    });
  }

  unwatch(): void {
    this.#watcher?.close();
    this.#watcher = undefined;
  }
}
