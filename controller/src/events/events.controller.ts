// The live stream over HTTP. Each client is told at most twice a second, and asked for again who it is while it listens: a stream ends with its session.
import { once } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import { type Grant, sees } from "@convirt/contract/access";
import type { LiveEvent } from "@convirt/contract/live";
import { routes } from "@convirt/contract/routes";
import { Controller, Get, Req, Res } from "@nestjs/common";
import type { Response } from "express";
import { AccessService } from "../access/access.service.js";
import { version } from "../config/version.js";
import { EventsService, type News } from "./events.service.js";
import { OpenStreamsService, type StreamRequest } from "./open-streams.service.js";

const heartbeatMs = 15_000;
const togetherMs = 500;

@Controller("events")
export class EventsController {
  constructor(
    private readonly events: EventsService,
    private readonly access: AccessService,
    private readonly streams: OpenStreamsService,
  ) {}

  @Get()
  async follow(@Req() request: StreamRequest, @Res() response: Response): Promise<void> {
    const stream = this.streams.enter(routes.followAll, request, response);
    const { watcher, stop } = this.events.watch();
    const gone = new AbortController();
    response.once("close", () => gone.abort());
    response.status(200);
    response.set({
      "Content-Type": "text/event-stream; charset=utf-8",
      "Cache-Control": "no-store",
      "X-Accel-Buffering": "no",
    });
    try {
      await send(response, [{ kind: "hello", at: now(), version }]);
      while (!gone.signal.aborted) {
        await watcher.wait(heartbeatMs, gone.signal);
        const reader = gone.signal.aborted ? undefined : await stream.reader();
        if (reader === undefined) break;
        await send(response, tell(await this.seenBy(reader, watcher.take())));
        await delay(togetherMs, undefined, { signal: gone.signal }).catch(() => undefined);
      }
    } finally {
      stop();
      response.end();
    }
  }

  /** What the reader may see of it, by what they may at this moment. */
  private async seenBy(reader: { grants: readonly Grant[] }, { changed, heard }: News): Promise<News> {
    const seen: News["changed"] = new Map();
    for (const [topic, names] of changed) {
      const left =
        names === null
          ? null
          : topic === "jobs"
            ? await this.access.jobsSeen(reader, [...names])
            : [...names].filter((name) => sees(reader, topic === "images" ? "image" : "host", name));
      if (left === null || left.length > 0) seen.set(topic, left === null ? null : new Set(left));
    }
    return { changed: seen, heard: new Map([...heard].filter(([host]) => sees(reader, "host", host))) };
  }
}

function tell({ changed, heard }: News): LiveEvent[] {
  const at = now();
  const told: LiveEvent[] = [...changed].map(([topic, names]) => ({
    kind: "changed",
    at,
    topic,
    names: names === null ? null : [...names],
  }));
  if (heard.size > 0) {
    const hosts = Object.fromEntries([...heard].map(([host, times]) => [host, times.at]));
    const saw = [...heard].flatMap(([host, times]) => (times.saw === undefined ? [] : [[host, times.saw]]));
    told.push({ kind: "heard", at, hosts, saw: Object.fromEntries(saw) });
  }
  return told;
}

/** Nothing to tell is told as well, so that a client knows that the line is open. Waits for a client that reads slowly. */
async function send(response: Response, events: readonly LiveEvent[]): Promise<void> {
  const text = events.map((event) => `event: ${event.kind}\ndata: ${JSON.stringify(event)}\n\n`).join("");
  if (response.writableEnded) return;
  if (response.write(text === "" ? ": still here\n\n" : text) || response.destroyed) return;
  await Promise.race([once(response, "drain"), once(response, "close")]).catch(() => undefined);
}

function now(): string {
  return new Date().toISOString();
}
