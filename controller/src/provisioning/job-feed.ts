// Hands new events to those who watch a job. A watcher holds a bounded number of bytes; one that is too slow loses what it holds and reads it
// again from the database, where everything stands by its sequence. The feed so never waits for anybody and never grows.
import { Injectable } from "@nestjs/common";
import { EventsService } from "../events/events.service.js";
import type { JobEventEntity } from "./job.entity.js";
import { toFrame } from "./job-events.js";

const heldBytes = 1024 * 1024;

export interface Frame {
  sequence: number;
  text: string;
}

export class Watcher {
  private held: Frame[] = [];
  private bytes = 0;
  private resolve: (() => void) | undefined;
  private newest = 0;

  push(frame: Frame): void {
    // What waits for its disk may be told of after what came behind it.
    this.newest = Math.max(this.newest, frame.sequence);
    if (this.bytes + frame.text.length > heldBytes) {
      this.held = [];
      this.bytes = 0;
    } else {
      this.held.push(frame);
      this.bytes += frame.text.length;
    }
    this.resolve?.();
  }

  /** The frames from `sequence` on that are held without a gap; empty when the database must be asked. */
  take(sequence: number): Frame[] {
    const frames = this.held.filter((frame) => frame.sequence >= sequence);
    this.held = [];
    this.bytes = 0;
    return frames[0]?.sequence === sequence ? frames : [];
  }

  /** True when something at or after `sequence` was published. */
  behind(sequence: number): boolean {
    return this.newest >= sequence;
  }

  /** Resolves at the next event with true, or after `limitMs` with false. */
  async wait(limitMs: number): Promise<boolean> {
    let timer: NodeJS.Timeout | undefined;
    const woken = await new Promise<boolean>((resolve) => {
      this.resolve = () => resolve(true);
      timer = setTimeout(() => resolve(false), limitMs);
    });
    clearTimeout(timer);
    this.resolve = undefined;
    return woken;
  }

  wake(): void {
    this.resolve?.();
  }
}

@Injectable()
export class JobFeed {
  private readonly watchers = new Map<string, Set<Watcher>>();

  constructor(private readonly events: EventsService) {}

  watch(jobId: string): { watcher: Watcher; stop: () => void } {
    const watcher = new Watcher();
    const all = this.watchers.get(jobId) ?? new Set();
    all.add(watcher);
    this.watchers.set(jobId, all);
    const stop = (): void => {
      all.delete(watcher);
      if (all.size === 0 && this.watchers.get(jobId) === all) this.watchers.delete(jobId);
      watcher.wake();
    };
    return { watcher, stop };
  }

  /** Called when a new job is stored. */
  announce(jobId: string): void {
    this.events.changed("jobs", jobId);
  }

  /** Called after the events are stored. Each is written out once, however many watch. */
  publish(jobId: string, rows: readonly JobEventEntity[]): void {
    if (rows.some(({ kind }) => kind !== "log")) this.events.changed("jobs", jobId);
    const all = this.watchers.get(jobId);
    if (all === undefined) return;
    for (const row of rows) {
      const frame = { sequence: row.sequence, text: toFrame(row) };
      for (const watcher of all) watcher.push(frame);
    }
  }
}
