// How many streams of events are open, in all and by each user. Each holds a connection and what was written to it and not read yet; without a bound one user, or one
// page that forgets to close them, could take all that the controller has.
import { Inject, Injectable } from "@nestjs/common";
import type { Response } from "express";
import { CONFIG, type Config } from "../config/config.js";
import { Refusal } from "../errors/refusal.js";

const tryAgainS = 10;

@Injectable()
export class OpenStreamsService {
  private readonly byUser = new Map<string, number>();
  private open = 0;

  constructor(@Inject(CONFIG) private readonly config: Config) {}

  /** Counts one until the response is closed. Throws Refusal too_many_streams. */
  enter(userId: string, response: Response): void {
    // Who has gone already closes nothing any more.
    if (response.destroyed) return;
    const { streams, streams_per_user } = this.config.http;
    const own = this.byUser.get(userId) ?? 0;
    if (own >= streams_per_user)
      throw tooMany(`you have ${own} open, ${streams_per_user} at most are allowed (http.streams_per_user)`);
    if (this.open >= streams)
      throw tooMany(`${this.open} are open here, ${streams} at most are allowed (http.streams)`);
    this.open += 1;
    this.byUser.set(userId, own + 1);
    response.once("close", () => this.leave(userId));
  }

  get count(): number {
    return this.open;
  }

  private leave(userId: string): void {
    this.open -= 1;
    const left = (this.byUser.get(userId) ?? 1) - 1;
    if (left > 0) this.byUser.set(userId, left);
    else this.byUser.delete(userId);
  }
}

function tooMany(why: string): Refusal {
  return new Refusal("too_many_streams", `Cannot open another stream of events: ${why}. Close one, or ask for pages.`, {
    retryAfterS: tryAgainS,
  });
}
