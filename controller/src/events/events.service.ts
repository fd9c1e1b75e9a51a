// Who changes a thing says here that it is another now; who watches is told in a moment, with what has come together until then. A watcher holds names
// alone, and a bounded number of them: beyond that it is told that there were many.
import type { LiveTopic } from "@convirt/contract/live";
import { Injectable } from "@nestjs/common";

const mostNames = 200;

/** What has come since the last taking. */
export interface News {
  changed: Map<LiveTopic, Set<string> | null>;
  /** By host: when it was heard, and when it had last seen its domains. */
  heard: Map<string, { at: string; saw: string | undefined }>;
}

export class LiveWatcher {
  private news: News = { changed: new Map(), heard: new Map() };
  private wake: (() => void) | undefined;

  note(topic: LiveTopic, name: string): void {
    const names = this.news.changed.get(topic);
    if (names === undefined) this.news.changed.set(topic, new Set([name]));
    else if (names !== null && names.add(name).size > mostNames) this.news.changed.set(topic, null);
    this.wake?.();
  }

  noteHeard(host: string, times: { at: string; saw: string | undefined }): void {
    this.news.heard.set(host, times);
    this.wake?.();
  }

  get hasNews(): boolean {
    return this.news.changed.size + this.news.heard.size > 0;
  }

  take(): News {
    const taken = this.news;
    this.news = { changed: new Map(), heard: new Map() };
    return taken;
  }

  /** Resolves when there is news, when the signal says so, or after `limitMs`. */
  async wait(limitMs: number, signal: AbortSignal): Promise<void> {
    if (this.hasNews || signal.aborted) return;
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve) => {
      this.wake = resolve;
      timer = setTimeout(resolve, limitMs);
      signal.addEventListener("abort", () => resolve(), { once: true });
    });
    clearTimeout(timer);
    this.wake = undefined;
  }
}

@Injectable()
export class EventsService {
  private readonly watchers = new Set<LiveWatcher>();

  /** `name`: a job's id, the name of a host or an image, for VMs the name of their host. To be called when the change is stored. */
  changed(topic: LiveTopic, name: string): void {
    for (const watcher of this.watchers) watcher.note(topic, name);
  }

  /** A host has reported, and nothing is another but the time. */
  heard(host: string, { at, saw }: { at: Date; saw: Date | undefined }): void {
    const times = { at: at.toISOString(), saw: saw?.toISOString() };
    for (const watcher of this.watchers) watcher.noteHeard(host, times);
  }

  watch(): { watcher: LiveWatcher; stop: () => void } {
    const watcher = new LiveWatcher();
    this.watchers.add(watcher);
    return { watcher, stop: () => this.watchers.delete(watcher) };
  }
}
