/** Many may use a tree at once; one alone may change it, and waits until nobody uses it. In order of asking, so that nobody waits for ever. */
export class TreeLocks {
  readonly #trees = new Map<string, Queue>();

  shared(name: string, signal: AbortSignal): Promise<() => void> {
    return this.#queue(name).enter(false, signal);
  }

  exclusive(name: string, signal: AbortSignal): Promise<() => void> {
    return this.#queue(name).enter(true, signal);
  }

  #queue(name: string): Queue {
    const queue = this.#trees.get(name) ?? new Queue();
    this.#trees.set(name, queue);
    return queue;
  }
}

interface Waiting {
  alone: boolean;
  go: () => void;
}

class Queue {
  #inside = 0;
  #alone = false;
  #waiting: Waiting[] = [];

  async enter(alone: boolean, signal: AbortSignal): Promise<() => void> {
    signal.throwIfAborted();
    await new Promise<void>((resolve, reject) => {
      const leave = () => {
        this.#waiting = this.#waiting.filter((one) => one !== entry);
        this.#admit();
        reject(signal.reason as Error);
      };
      const entry: Waiting = {
        alone,
        go: () => {
          signal.removeEventListener("abort", leave);
          resolve();
        },
      };
      signal.addEventListener("abort", leave, { once: true });
      this.#waiting.push(entry);
      this.#admit();
    });
    let left = false;
    return () => {
      if (left) return;
      left = true;
      this.#inside -= 1;
      this.#alone = false;
      this.#admit();
    };
  }

  #admit(): void {
    for (let next = this.#waiting[0]; next !== undefined; next = this.#waiting[0]) {
      if (this.#alone || (next.alone && this.#inside > 0)) return;
      this.#waiting.shift();
      this.#inside += 1;
      this.#alone = next.alone;
      next.go();
    }
  }
}
