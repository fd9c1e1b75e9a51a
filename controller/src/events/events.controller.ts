// The live stream over HTTP. Each client is told at most twice a second, and asked for again who it is while it listens: a stream ends with its session.
import { once } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import type { LiveEvent } from "@convirt/contract/live";
import { Controller, Get, Req, Res } from "@nestjs/common";
import type { Request, Response } from "express";
import { AuthService } from "../auth/auth.service.js";
import { version } from "../config/version.js";
import { EventsService, type News } from "./events.service.js";

const heartbeatMs = 15_000;
const togetherMs = 500;

@Controller("events")
export class EventsController {
  constructor(
    private readonly events: EventsService,
    private readonly auth: AuthService,
  ) {}

  @Get()
  async follow(@Req() request: Request, @Res() response: Response): Promise<void> {
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
        if (gone.signal.aborted || (await this.auth.identify(request)) === undefined) break;
        await send(response, tell(watcher.take()));
        await delay(togetherMs, undefined, { signal: gone.signal }).catch(() => undefined);
      }
    } finally {
      stop();
      response.end();
    }
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
  if (heard.size > 0) told.push({ kind: "heard", at, hosts: Object.fromEntries(heard) });
  return told;
}

/** Nothing to tell is told as well, so that a client knows that the line is open. Waits for a client that reads slowly. */
async function send(response: Response, events: readonly LiveEvent[]): Promise<void> {
  const text = events.map((event) => `event: ${event.kind}\ndata: ${JSON.stringify(event)}\n\n`).join("");
  if (response.write(text === "" ? ": still here\n\n" : text) || response.destroyed) return;
  await Promise.race([once(response, "drain"), once(response, "close")]).catch(() => undefined);
}

function now(): string {
  return new Date().toISOString();
}
