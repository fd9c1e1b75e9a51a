// The second factor: codes of an app, made from a secret and the time (TOTP, RFC 6238), and codes on paper for when the app is gone. A code is good once. The
// secret must be read by the controller, so it is kept encrypted by a key that is made from the authority's, which no copy of the database holds.
import { createHash, randomBytes } from "node:crypto";
import { Injectable, Logger } from "@nestjs/common";
import { Secret, TOTP } from "otpauth";
import { DataSource } from "typeorm";
import { Authority } from "../config/authority.js";
import { Seal } from "../config/seal.js";
import { inTransaction } from "../database/write-queue.js";
import { Refusal } from "../errors/refusal.js";
import { UserEntity } from "./user.entity.js";

const recoveryCodes = 8;
const pendingMs = 10 * 60_000;
const mostPending = 1_000;
const stepMs = 30_000;

@Injectable()
export class SecondFactorService {
  private readonly log = new Logger("auth");
  private readonly seal: Seal;
  /** Secrets that were shown and not confirmed yet, by user. */
  private readonly pending = new Map<string, { secret: string; untilMs: number }>();

  constructor(
    private readonly dataSource: DataSource,
    authority: Authority,
  ) {
    this.seal = new Seal(authority.keyFor("second factors"));
  }

  /** A new secret; it counts when a code of it has been given. */
  begin(userId: string, username: string): { secret: string; uri: string } {
    const secret = new Secret({ size: 20 });
    const [oldest] = this.pending.keys();
    if (this.pending.size >= mostPending && oldest !== undefined) this.pending.delete(oldest);
    this.pending.set(userId, { secret: secret.base32, untilMs: performance.now() + pendingMs });
    return { secret: secret.base32, uri: totp(secret.base32, username).toString() };
  }

  /** The codes for paper, shown this once. Throws Refusal wrong_credentials, not_found when nothing was begun. */
  async confirm(userId: string, code: string): Promise<string[]> {
    const begun = this.pending.get(userId);
    if (begun === undefined || begun.untilMs < performance.now())
      throw new Refusal("not_found", "Cannot confirm a second factor: none was begun in the last ten minutes");
    const step = stepOf(begun.secret, code);
    if (step === undefined)
      throw new Refusal("wrong_credentials", "Cannot confirm the second factor: the code is wrong");
    const codes = Array.from({ length: recoveryCodes }, recoveryCode);
    await inTransaction(this.dataSource, (tx) =>
      tx.update(
        UserEntity,
        { id: userId },
        { totpSecret: this.seal.close(begun.secret), totpLastStep: step, recoveryHashes: codes.map(digest) },
      ),
    );
    this.pending.delete(userId);
    this.log.log({ msg: "second factor set", userId });
    return codes;
  }

  async remove(userId: string): Promise<void> {
    await inTransaction(this.dataSource, (tx) =>
      tx.update(UserEntity, { id: userId }, { totpSecret: null, totpLastStep: null, recoveryHashes: null }),
    );
    this.log.log({ msg: "second factor removed", userId });
  }

  /** Throws Refusal second_factor_needed without a code, wrong_credentials for one that is wrong or was used. */
  async require(user: UserEntity, code: string | undefined): Promise<void> {
    if (user.totpSecret === null) return;
    if (code === undefined || code === "")
      throw new Refusal(
        "second_factor_needed",
        "Give the code of your second factor, or one of those on paper, as well",
      );
    if (await this.takes(user.id, user.totpSecret, code.replace(/\s/g, ""))) return;
    throw new Refusal("wrong_credentials", "Cannot sign in: the code is wrong, or was used already");
  }

  /** Each code once, however close together it comes twice. */
  private takes(userId: string, encrypted: string, code: string): Promise<boolean> {
    const step = /^\d{6}$/.test(code) ? stepOf(this.seal.open(encrypted), code) : undefined;
    return inTransaction(this.dataSource, async (tx) => {
      const user = await tx.findOneByOrFail(UserEntity, { id: userId });
      if (step !== undefined) {
        if (step <= (user.totpLastStep ?? 0)) return false;
        await tx.update(UserEntity, { id: userId }, { totpLastStep: step });
        return true;
      }
      const hash = digest(code.toLowerCase());
      const hashes = user.recoveryHashes ?? [];
      if (!hashes.includes(hash)) return false;
      await tx.update(UserEntity, { id: userId }, { recoveryHashes: hashes.filter((one) => one !== hash) });
      return true;
    });
  }
}

function totp(secret: string, label = ""): TOTP {
  return new TOTP({ issuer: "ConVirt", label, secret: Secret.fromBase32(secret), digits: 6, period: stepMs / 1000 });
}

/** Which half minute the code is of, among this one and its neighbours: clocks differ a little. */
function stepOf(secret: string, code: string): number | undefined {
  const delta = totp(secret).validate({ token: code, window: 1 });
  return delta === null ? undefined : Math.floor(Date.now() / stepMs) + delta;
}

function recoveryCode(): string {
  return (randomBytes(8).toString("hex").match(/.{4}/g) ?? []).join("-");
}

function digest(code: string): string {
  return createHash("sha256").update(code).digest("hex");
}
