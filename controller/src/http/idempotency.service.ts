// Every POST may carry an Idempotency-Key: the same request with the same key has one effect and one answer, however often and however close together it
// comes. Answers are kept for a day; those that hold a secret are kept in memory alone. Signing in is left out: its answer is a cookie of its own each time.
import { createHash } from "node:crypto";
import { Injectable, Logger, type OnApplicationBootstrap, type OnApplicationShutdown } from "@nestjs/common";
import type { NextFunction, Request, Response } from "express";
import { type ScheduledTask, schedule } from "node-cron";
import { DataSource, LessThan } from "typeorm";
import { AuthService } from "../auth/auth.service.js";
import { now } from "../database/columns.js";
import { inTransaction } from "../database/write-queue.js";
import { Refusal } from "../errors/refusal.js";
import { KeptAnswerEntity } from "./kept-answer.entity.js";

interface Answer {
  requestHash: string;
  status: number;
  body: string;
  createdAt: string;
}

const keepMs = 86_400_000;
const mostInMemory = 1_000;
/** A handler whose client has gone away is waited for this long before another may begin. */
const abandonedMs = 10 * 60_000;
const secretPaths = /\/(tokens|hosts\/invitations|enrolment|session\/second-factor)$/;

@Injectable()
export class IdempotencyService implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly log = new Logger("http");
  private readonly underWay = new Map<string, Promise<void>>();
  private readonly secrets = new Map<string, Answer>();
  private sweeping: ScheduledTask | undefined;

  constructor(
    private readonly dataSource: DataSource,
    private readonly auth: AuthService,
  ) {}

  onApplicationBootstrap(): void {
    this.sweeping = schedule("17 * * * *", () =>
      this.sweep().catch((error: unknown) => this.log.error({ msg: "Cannot drop old answers", err: error })),
    );
  }

  async onApplicationShutdown(): Promise<void> {
    await this.sweeping?.destroy();
  }

  /** Express middleware; stands behind the parsing of bodies. Throws Refusal bad_request, idempotency_key_reused. */
  readonly handle = (request: Request, response: Response, next: NextFunction): void => {
    this.once(request, response, next).catch(next);
  };

  /** Drops answers that are older than a day. */
  async sweep(): Promise<void> {
    const oldest = new Date(Date.now() - keepMs).toISOString();
    await inTransaction(this.dataSource, (tx) => tx.delete(KeptAnswerEntity, { createdAt: LessThan(oldest) }));
    for (const [id, answer] of this.secrets) if (answer.createdAt < oldest) this.secrets.delete(id);
  }

  private async once(request: Request, response: Response, next: NextFunction): Promise<void> {
    const key = request.headers["idempotency-key"];
    if (request.method !== "POST" || key === undefined || request.path.endsWith("/session")) {
      next();
      return;
    }
    if (typeof key !== "string" || !/^[\x21-\x7e]{1,200}$/.test(key))
      throw new Refusal("bad_request", "The Idempotency-Key must hold 1 to 200 visible characters");
    Object.assign(request, { idempotencyKey: key });
    // A key belongs to who sends it, and who that is counts now: an answer is not for a token that has been revoked since.
    const identity = await this.auth.identify(request);
    const id = sha256(`${identity?.userId ?? ""}\n${key}`);
    const requestHash = sha256(`${request.method} ${request.originalUrl}\n${bodyOf(request)}`);
    // Whoever comes while the first is under way waits for its answer.
    for (let first = this.underWay.get(id); first !== undefined; first = this.underWay.get(id)) await first;
    const done = this.begin(id);
    const kept = await this.kept(id).catch((error: unknown) => {
      done();
      throw error;
    });
    if (kept !== undefined) {
      done();
      if (kept.requestHash !== requestHash)
        throw new Refusal(
          "idempotency_key_reused",
          "The Idempotency-Key was used for another request; make a new key for a new request",
        );
      response.status(kept.status).type("json").send(kept.body);
      return;
    }
    this.keepAnswerOf(response, { id, requestHash, secret: secretPaths.test(request.path), done, fault: next });
    next();
  }

  /** Marks the key as under way; the answer ends that. */
  private begin(id: string): () => void {
    let resolve: () => void = () => undefined;
    this.underWay.set(id, new Promise((settle) => (resolve = settle)));
    return () => {
      this.underWay.delete(id);
      resolve();
    };
  }

  private async kept(id: string): Promise<Answer | undefined> {
    const kept = this.secrets.get(id) ?? (await this.dataSource.manager.findOneBy(KeptAnswerEntity, { id }));
    return kept === null || kept.createdAt < new Date(Date.now() - keepMs).toISOString() ? undefined : kept;
  }

  private keepAnswerOf(
    response: Response,
    first: { id: string; requestHash: string; secret: boolean; done: () => void; fault: NextFunction },
  ): void {
    const { id, requestHash, secret, done, fault } = first;
    const json = response.json.bind(response);
    let answered = false;
    response.json = (body: unknown) => {
      answered = true;
      const answer = { requestHash, status: response.statusCode, body: JSON.stringify(body), createdAt: now() };
      // A refusal may be another one tomorrow, and a fault of ours should be tried again.
      if (answer.status >= 300) {
        done();
        return json(body);
      }
      this.keep(id, answer, secret)
        .finally(done)
        .then(() => json(body), fault);
      return response;
    };
    // A client that goes away does not end what it began: its handler still answers, and a second try must not overtake it.
    response.once("close", () => {
      if (!answered) setTimeout(done, abandonedMs).unref();
    });
  }

  private async keep(id: string, answer: Answer, secret: boolean): Promise<void> {
    if (!secret) {
      // An answer of more than a day ago may stand there still.
      await inTransaction(this.dataSource, (tx) => tx.upsert(KeptAnswerEntity, { id, ...answer }, ["id"]));
      return;
    }
    this.secrets.set(id, answer);
    const [oldest] = this.secrets.keys();
    if (this.secrets.size > mostInMemory && oldest !== undefined) this.secrets.delete(oldest);
  }
}

/** What tells one request from another. An archive is not read for it: its length and type stand for it. */
function bodyOf(request: Request): string {
  const { "content-length": length = "", "content-type": type = "" } = request.headers;
  return request.body === undefined ? `${length} ${type}` : JSON.stringify(request.body);
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
