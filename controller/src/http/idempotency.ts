// Every POST may carry an Idempotency-Key: the same request with the same key has one effect and one answer, however often and however close together it comes.
// Answers are kept for a day; those that hold a secret are kept in memory alone.
import { createHash } from "node:crypto";
import type { NextFunction, Request, Response } from "express";
import type { DataSource } from "typeorm";
import { LessThan } from "typeorm";
import { inTransaction } from "../database/write-queue.js";
import { KeptAnswerEntity } from "./kept-answer.entity.js";

interface Answer {
  requestHash: string;
  status: number;
  body: string;
}

const keepMs = 86_400_000;
const mostInMemory = 1_000;
const secretPaths = /\/(session|tokens|hosts\/invitations|enrolment)$/;
const refusals = {
  badKey: { code: "bad_request", message: "The Idempotency-Key must hold 1 to 200 visible characters" },
  reused: {
    code: "idempotency_key_reused",
    message: "The Idempotency-Key was used for another request; make a new key for a new request",
  },
};

export class Idempotency {
  private readonly underWay = new Map<string, Promise<void>>();
  private readonly secrets = new Map<string, Answer>();

  constructor(private readonly dataSource: DataSource) {}

  /** Express middleware; stands behind the parsing of bodies. */
  readonly handle = (request: Request, response: Response, next: NextFunction): void => {
    const key = request.headers["idempotency-key"];
    if (request.method !== "POST" || key === undefined) {
      next();
      return;
    }
    if (typeof key !== "string" || !/^[\x21-\x7e]{1,200}$/.test(key)) {
      response.status(400).json(refusals.badKey);
      return;
    }
    Object.assign(request, { idempotencyKey: key });
    this.once(request, response, next, key).catch(next);
  };

  /** Drops answers that are older than a day. */
  async sweep(): Promise<void> {
    await inTransaction(this.dataSource, (tx) =>
      tx.delete(KeptAnswerEntity, { createdAt: LessThan(new Date(Date.now() - keepMs).toISOString()) }),
    );
  }

  private async once(request: Request, response: Response, next: NextFunction, key: string): Promise<void> {
    // A key belongs to who sends it: the same key of somebody else is another.
    const who = request.headers.authorization ?? request.headers.cookie ?? "";
    const id = sha256(`${who}\n${key}`);
    const requestHash = sha256(`${request.method} ${request.originalUrl}\n${JSON.stringify(request.body ?? null)}`);
    // Whoever comes while the first is under way waits for its answer.
    for (let first = this.underWay.get(id); first !== undefined; first = this.underWay.get(id)) await first;
    const kept = this.secrets.get(id) ?? (await this.dataSource.manager.findOneBy(KeptAnswerEntity, { id }));
    if (kept !== null) {
      if (kept.requestHash !== requestHash) response.status(422).json(refusals.reused);
      else response.status(kept.status).type("json").send(kept.body);
      return;
    }
    let done: () => void = () => undefined;
    this.underWay.set(id, new Promise((resolve) => (done = resolve)));
    const finish = () => {
      this.underWay.delete(id);
      done();
    };
    response.once("close", finish);
    const json = response.json.bind(response);
    response.json = (body: unknown) => {
      const answer = { requestHash, status: response.statusCode, body: JSON.stringify(body) };
      // A refusal may be another one tomorrow, and a fault of ours should be tried again.
      if (answer.status >= 300) return json(body);
      void this.keep(id, answer, secretPaths.test(request.path)).then(
        () => json(body),
        (error: unknown) => next(error),
      );
      return response;
    };
    next();
  }

  private async keep(id: string, answer: Answer, secret: boolean): Promise<void> {
    if (!secret) {
      await inTransaction(this.dataSource, (tx) =>
        tx.insert(KeptAnswerEntity, { id, ...answer, createdAt: new Date().toISOString() }),
      );
      return;
    }
    this.secrets.set(id, answer);
    const [oldest] = this.secrets.keys();
    if (this.secrets.size > mostInMemory && oldest !== undefined) this.secrets.delete(oldest);
  }
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
