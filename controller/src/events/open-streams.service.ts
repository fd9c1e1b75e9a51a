// The streams of events that are open. How many, in all and by each user: each holds a connection and what was written to it and not read yet; without a bound one
// user, or one page that forgets to close them, could take all that the controller has. And whether who reads still may: that is asked again whenever access
// changes and when the session or token ends, and who may not any more is told why, in a last event, and gets no further one.
import type { Grant } from "@convirt/contract/access";
import { streamRefused } from "@convirt/contract/live";
import type { Route } from "@convirt/contract/route";
import { Inject, Injectable, Logger } from "@nestjs/common";
import type { Request, Response } from "express";
import { AccessService } from "../access/access.service.js";
import { AccessChangesService } from "../access/access-changes.service.js";
import { AuthService } from "../auth/auth.service.js";
import { CONFIG, type Config } from "../config/config.js";
import { Refusal } from "../errors/refusal.js";

const tryAgainS = 10;
/** What was written before, and the last event, have so long to be taken. */
const farewellMs = 500;
/** Timers take no longer times than 24 days. */
const longestWaitMs = 86_400_000;

/** Who reads a stream, until when. */
export interface Reader {
  userId: string;
  username: string;
  grants: readonly Grant[];
  expiresAt: string;
}

export type StreamRequest = Request & { identity: Reader };

/** One stream that is open. */
export class OpenStream {
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly request: StreamRequest,
    private readonly response: Response,
    private readonly judge: (request: Request) => Promise<Reader>,
  ) {
    this.expectEnd(request.identity);
    response.once("close", () => clearTimeout(this.timer));
  }

  /** Who reads, if they still may; otherwise the stream has its last event and ends. */
  async reader(): Promise<Reader | undefined> {
    if (this.response.writableEnded || this.response.destroyed) return undefined;
    try {
      const identity = await this.judge(this.request);
      this.expectEnd(identity);
      return identity;
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      this.refuse(error);
      return undefined;
    }
  }

  destroy(): void {
    this.response.destroy();
  }

  private refuse({ code, message }: Refusal): void {
    if (this.response.writableEnded || this.response.destroyed) return;
    const event = streamRefused.parse({ kind: "refused", at: new Date().toISOString(), code, message });
    this.response.end(`event: refused\ndata: ${JSON.stringify(event)}\n\n`);
    const timer = setTimeout(() => this.response.destroy(), farewellMs);
    this.response.once("close", () => clearTimeout(timer));
  }

  private expectEnd({ expiresAt }: Reader): void {
    clearTimeout(this.timer);
    if (this.response.destroyed) return;
    const leftMs = Math.max(0, Date.parse(expiresAt) - Date.now());
    this.timer = setTimeout(() => void this.reader().catch(() => this.destroy()), Math.min(leftMs + 1, longestWaitMs));
  }
}

@Injectable()
export class OpenStreamsService {
  private readonly log = new Logger("events");
  private readonly byUser = new Map<string, number>();
  private readonly open = new Set<OpenStream>();
  private look: "none" | "under way" | "again" = "none";

  constructor(
    @Inject(CONFIG) private readonly config: Config,
    private readonly auth: AuthService,
    private readonly access: AccessService,
    changes: AccessChangesService,
  ) {
    changes.watch(() => this.lookAgain());
  }

  /** Counts one until the response is closed. Throws Refusal too_many_streams. To be called right before the answer begins. */
  enter(route: Route, request: StreamRequest, response: Response): OpenStream {
    const { userId } = request.identity;
    const { streams, streams_per_user } = this.config.http;
    const own = this.byUser.get(userId) ?? 0;
    if (own >= streams_per_user)
      throw tooMany(`you have ${own} open, ${streams_per_user} at most are allowed (http.streams_per_user)`);
    if (this.open.size >= streams)
      throw tooMany(`${this.open.size} are open here, ${streams} at most are allowed (http.streams)`);
    const stream = new OpenStream(request, response, (asked) => this.judge(route, asked));
    // Who has gone already closes nothing any more.
    if (response.destroyed) return stream;
    this.open.add(stream);
    this.byUser.set(userId, own + 1);
    response.once("close", () => this.leave(stream, userId));
    // Access may have changed since the request was let in.
    this.lookAgain();
    return stream;
  }

  get count(): number {
    return this.open.size;
  }

  private async judge(route: Route, request: Request): Promise<Reader> {
    const identity = await this.auth.identify(request);
    if (identity === undefined)
      throw new Refusal("not_signed_in", "This stream ends: the session or token that it was opened with is gone");
    await this.access.decide(route, request, identity);
    return identity;
  }

  /** Looks at all of them once; what changes meanwhile is a reason to look once more, and not once for each change. */
  private lookAgain(): void {
    if (this.look !== "none") {
      this.look = "again";
      return;
    }
    this.look = "under way";
    void this.lookAtAll();
  }

  private async lookAtAll(): Promise<void> {
    do {
      this.look = "under way";
      for (const stream of [...this.open])
        await stream.reader().catch((error: unknown) => {
          // Whoever cannot be told apart from who may not reads no further, and may ask anew.
          this.log.error({ msg: "Cannot find out who may go on reading a stream of events", err: error });
          stream.destroy();
        });
    } while (this.isToLookAgain());
    this.look = "none";
  }

  private isToLookAgain(): boolean {
    return this.look === "again";
  }

  private leave(stream: OpenStream, userId: string): void {
    this.open.delete(stream);
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
