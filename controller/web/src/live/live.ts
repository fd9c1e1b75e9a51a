// The one live line to the controller, shared by all tabs of the browser: one tab holds it (a lock says which) and passes on what comes, since a browser keeps
// six connections to a controller and no more. Tells what is another, keeps when each host was last heard and last saw its domains, and knows the controller's clock.
import type { LiveEvent, LiveTopic } from "@convirt/contract/live";
import { createParser } from "eventsource-parser";
import { send } from "../api/client";

export type LineState = { kind: "connecting" } | { kind: "live" } | { kind: "off"; retryAtMs: number };
type Message = { kind: "event"; event: LiveEvent } | { kind: "state"; state: LineState } | { kind: "ask" };

/** The controller sends a sign of life every 15 s. */
const silentMs = 40_000;
const longestPauseMs = 15_000;

export class Live {
  state: LineState = { kind: "connecting" };
  /** How far the controller's clock is ahead of ours. */
  clockAheadMs = 0;
  readonly heard = new Map<string, number>();
  readonly saw = new Map<string, number>();
  #listeners = new Set<() => void>();
  #channel = new BroadcastChannel("convirt-live");
  #stop = new AbortController();
  #isHolder = false;
  readonly #onChange: (topic: LiveTopic | "all", names: readonly string[] | null) => void;

  constructor(onChange: (topic: LiveTopic | "all", names: readonly string[] | null) => void) {
    this.#onChange = onChange;
  }

  start(): void {
    this.#channel.onmessage = ({ data }: MessageEvent<Message>) => {
      if (data.kind === "event") this.#take(data.event);
      else if (data.kind === "state") this.#set(data.state);
      else if (this.#isHolder) this.#channel.postMessage({ kind: "state", state: this.state } satisfies Message);
    };
    this.#channel.postMessage({ kind: "ask" } satisfies Message);
    const { signal } = this.#stop;
    // Without locks (a page over plain HTTP from afar) each tab holds a line of its own.
    const hold = () => this.#hold(signal);
    const held = navigator.locks?.request("convirt-live", { signal }, hold) ?? hold();
    held.catch((error: unknown) => {
      if (!signal.aborted) throw error;
    });
  }

  stop(): void {
    this.#stop.abort();
    this.#channel.close();
  }

  subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  async #hold(signal: AbortSignal): Promise<void> {
    this.#isHolder = true;
    for (let failures = 0; !signal.aborted; ) {
      const wasLive = await this.#listen(signal);
      failures = wasLive ? 0 : failures + 1;
      if (signal.aborted) return;
      const pauseMs = Math.min(longestPauseMs, 1000 * 2 ** failures) * (0.75 + Math.random() / 2);
      this.#tell({ kind: "off", retryAtMs: Date.now() + pauseMs });
      await pause(pauseMs, signal);
    }
  }

  /** Listens until the line breaks; true when it had been live. */
  async #listen(signal: AbortSignal): Promise<boolean> {
    const broken = new AbortController();
    let watchdog = setTimeout(() => broken.abort(), silentMs);
    try {
      // A refusal for want of a sign-in makes the page ask for one.
      const response = await send("GET /events", { signal: AbortSignal.any([signal, broken.signal]) });
      if (response.body === null) return false;
      this.#tell({ kind: "live" });
      const parser = createParser({
        onEvent: ({ event: kind, data }) => {
          // The next attempt is refused as well, and the page then asks to sign in.
          if (kind === "refused") return;
          const event = JSON.parse(data) as LiveEvent;
          this.#channel.postMessage({ kind: "event", event } satisfies Message);
          this.#take(event);
        },
      });
      const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
      for (;;) {
        const { value, done } = await reader.read();
        if (done) return true;
        clearTimeout(watchdog);
        watchdog = setTimeout(() => broken.abort(), silentMs);
        parser.feed(value);
      }
    } catch {
      // Whatever broke the line, it is tried again and the mark says so.
      return this.state.kind === "live";
    } finally {
      clearTimeout(watchdog);
    }
  }

  #take(event: LiveEvent): void {
    this.clockAheadMs = Date.parse(event.at) - Date.now();
    if (event.kind === "hello") this.#onChange("all", null);
    else if (event.kind === "changed") this.#onChange(event.topic, event.names);
    else {
      for (const [host, at] of Object.entries(event.hosts)) this.heard.set(host, Date.parse(at));
      for (const [host, at] of Object.entries(event.saw)) this.saw.set(host, Date.parse(at));
    }
    this.#notify();
  }

  #tell(state: LineState): void {
    if (!this.#stop.signal.aborted) this.#channel.postMessage({ kind: "state", state } satisfies Message);
    this.#set(state);
  }

  #set(state: LineState): void {
    this.state = state;
    this.#notify();
  }

  #notify(): void {
    for (const listener of this.#listeners) listener();
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    const end = () => {
      clearTimeout(timer);
      resolve();
    };
    signal.addEventListener("abort", end, { once: true });
    // Somebody who comes back to the page need not wait.
    window.addEventListener("online", end, { once: true });
  });
}
