// Who somebody is, by a password, a cookie or a token, and what they may. Secrets are kept as SHA-256 and shown once, when they are made.
import { randomBytes } from "node:crypto";
import type { signInBody } from "@convirt/contract/session";
import { Injectable, Logger } from "@nestjs/common";
import { hash, verify } from "@node-rs/argon2";
import { DataSource } from "typeorm";
import type { z } from "zod";
import { AccessService } from "../access/access.service.js";
import { now } from "../database/columns.js";
import { inUnsyncedTransaction } from "../database/write-queue.js";
import { Attempts, networkOf } from "../errors/attempts.js";
import { Refusal } from "../errors/refusal.js";
import { type Asking, credentialOf } from "./credential.js";
import type { Identity } from "./identity.js";
import { SecondFactorService } from "./second-factor.service.js";
import { type Origin, SessionsService } from "./sessions.service.js";
import { digest } from "./tokens.service.js";
import { type SessionEntity, TokenEntity, UserEntity } from "./user.entity.js";

/** A token's last use is written at most this often. */
const touchEveryMs = 60_000;

@Injectable()
export class AuthService {
  private readonly log = new Logger("auth");
  private readonly byAddress = new Attempts({ what: "to sign in", most: 30, withinS: 60 });
  private readonly byNameAndAddress = new Attempts({ what: "to sign in", most: 10, withinS: 300 });
  /**
   * From all places together where the user has never signed in from. It bounds guessing from many addresses, and shuts out nobody at their own: an address that
   * the user has signed in from counts for itself.
   */
  private readonly byName = new Attempts({ what: "to sign in", most: 100, withinS: 3600 });
  /** Verified against when there is no such user, so that both take as long. */
  private decoy: Promise<string> | undefined;

  constructor(
    private readonly dataSource: DataSource,
    private readonly access: AccessService,
    private readonly sessions: SessionsService,
    private readonly secondFactor: SecondFactorService,
  ) {}

  /** The session's secret, for the cookie. Throws Refusal wrong_credentials, second_factor_needed, too_many_attempts. */
  async signIn(
    { username, password, code }: z.output<typeof signInBody>,
    from: Origin,
  ): Promise<{ secret: string; identity: Identity }> {
    const network = networkOf(from.address);
    await this.byAddress.count(network);
    await this.byNameAndAddress.count(`${username}\n${network}`);
    const user = await this.dataSource.manager.findOneBy(UserEntity, { username });
    if (user?.knownNetworks?.includes(network) !== true) await this.byName.count(username);
    this.decoy ??= hash(randomBytes(16).toString("hex"));
    const right = await verify(user?.passwordHash ?? (await this.decoy), password);
    if (user === null || !right) {
      this.log.warn({ msg: "sign-in refused", username: username.slice(0, 64), address: from.address });
      throw new Refusal("wrong_credentials", "Cannot sign in: name or password is wrong");
    }
    await this.secondFactor.require(user, code);
    await this.byNameAndAddress.forget(`${username}\n${network}`);
    const { secret, session } = await this.sessions.begin(user, from);
    this.log.log({ msg: "signed in", username, address: from.address });
    return { secret, identity: await this.inSession(user, session) };
  }

  /** A session for who has been told to us by a provider; a second factor is the provider's to ask for. */
  async admit(user: UserEntity, from: Origin): Promise<{ secret: string; identity: Identity }> {
    const { secret, session } = await this.sessions.begin(user, from);
    this.log.log({ msg: "signed in by the provider's word", username: user.username, address: from.address });
    return { secret, identity: await this.inSession(user, session) };
  }

  /** Throws Refusal wrong_credentials unless the password is that of who asks, too_many_attempts for who guesses with a session that is not theirs. */
  async requirePassword({ userId, username }: Identity, password: string): Promise<void> {
    await this.byNameAndAddress.count(`${username}\nin a session`);
    const user = await this.dataSource.manager.findOneByOrFail(UserEntity, { id: userId });
    if (!(await verify(user.passwordHash, password)))
      throw new Refusal("wrong_credentials", "The password is not yours: give the one that you sign in with");
    await this.byNameAndAddress.forget(`${username}\nin a session`);
  }

  /** Who sends a request; undefined when it shows nothing that is good. Throws Refusal token_expired, foreign_origin. */
  async identify(request: Asking): Promise<Identity | undefined> {
    const shown = credentialOf(request);
    if (shown === undefined) return undefined;
    return shown.kind === "token" ? this.byToken(shown.secret) : this.bySession(shown.secret);
  }

  private async bySession(secret: string): Promise<Identity | undefined> {
    const session = await this.sessions.of(secret);
    if (session === undefined) return undefined;
    const user = await this.dataSource.manager.findOneBy(UserEntity, { id: session.userId });
    return user === null ? undefined : await this.inSession(user, session);
  }

  private async inSession(
    { id, username, groups, totpSecret }: UserEntity,
    { idHash, expiresAt }: SessionEntity,
  ): Promise<Identity> {
    const grants = await this.access.grantsOf(username, groups ?? []);
    const secondFactor = totpSecret !== null;
    return { userId: id, username, grants, via: "session", expiresAt, sessionHash: idHash, secondFactor };
  }

  /** Throws Refusal token_expired; undefined for a token that is none. It may never more than its owner. */
  private async byToken(secret: string): Promise<Identity | undefined> {
    const token = await this.dataSource.manager.findOneBy(TokenEntity, { tokenHash: digest(secret) });
    if (token === null) return undefined;
    if (token.expiresAt <= now())
      throw new Refusal("token_expired", `The API token "${token.name}" expired at ${token.expiresAt}: make a new one`);
    const user = await this.dataSource.manager.findOneBy(UserEntity, { id: token.userId });
    if (user === null) return undefined;
    if (token.lastUsedAt === null || Date.now() - Date.parse(token.lastUsedAt) > touchEveryMs) {
      await inUnsyncedTransaction(this.dataSource, (tx) =>
        tx.update(TokenEntity, { id: token.id }, { lastUsedAt: now() }),
      );
    }
    const limit = { most: token.role, within: token.scopes };
    const grants = await this.access.grantsOf(user.username, user.groups ?? [], limit);
    return {
      userId: user.id,
      username: user.username,
      grants,
      via: "token",
      expiresAt: token.expiresAt,
      tokenName: token.name,
      secondFactor: user.totpSecret !== null,
      limit,
    };
  }
}
