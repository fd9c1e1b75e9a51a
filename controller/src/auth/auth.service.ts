// Who somebody is, by a password, a cookie or a token, and what they may. Secrets are kept as SHA-256 and shown once, when they are made.
import { randomBytes } from "node:crypto";
import { Inject, Injectable, Logger } from "@nestjs/common";
import { hash, verify } from "@node-rs/argon2";
import { DataSource, LessThan } from "typeorm";
import { AccessService } from "../access/access.service.js";
import { CONFIG, type Config } from "../config/config.js";
import { now } from "../database/columns.js";
import { inTransaction } from "../database/write-queue.js";
import { Attempts, networkOf } from "../errors/attempts.js";
import { Refusal } from "../errors/refusal.js";
import { type Asking, credentialOf } from "./credential.js";
import type { Identity } from "./identity.js";
import { digest } from "./tokens.service.js";
import { SessionEntity, TokenEntity, UserEntity } from "./user.entity.js";

/** A token's last use is written at most this often. */
const touchEveryMs = 60_000;

@Injectable()
export class AuthService {
  private readonly log = new Logger("auth");
  private readonly byAddress = new Attempts({ what: "to sign in", most: 30, withinS: 60 });
  private readonly byName = new Attempts({ what: "to sign in", most: 10, withinS: 300 });
  /** Verified against when there is no such user, so that both take as long. */
  private decoy: Promise<string> | undefined;

  constructor(
    private readonly dataSource: DataSource,
    private readonly access: AccessService,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  /** The session's secret, for the cookie. Throws Refusal wrong_credentials, too_many_attempts. */
  async signIn(username: string, password: string, address: string): Promise<{ secret: string; identity: Identity }> {
    await this.byAddress.count(networkOf(address));
    await this.byName.count(username);
    const user = await this.dataSource.manager.findOneBy(UserEntity, { username });
    this.decoy ??= hash(randomBytes(16).toString("hex"));
    const right = await verify(user?.passwordHash ?? (await this.decoy), password);
    if (user === null || !right) {
      this.log.warn({ msg: "sign-in refused", username: username.slice(0, 64), address });
      throw new Refusal("wrong_credentials", "Cannot sign in: name or password is wrong");
    }
    await this.byName.forget(username);
    const secret = randomBytes(32).toString("base64url");
    const expiresAt = new Date(Date.now() + this.config.auth.session_hours * 3_600_000).toISOString();
    const sessionHash = digest(secret);
    await inTransaction(this.dataSource, async (tx) => {
      await tx.delete(SessionEntity, { expiresAt: LessThan(now()) });
      await tx.insert(SessionEntity, { idHash: sessionHash, userId: user.id, createdAt: now(), expiresAt });
      await tx.update(UserEntity, { id: user.id }, { lastSignInAt: now() });
    });
    this.log.log({ msg: "signed in", username, address });
    return { secret, identity: await this.inSession(user, { idHash: sessionHash, expiresAt }) };
  }

  async signOut(identity: Identity): Promise<void> {
    const idHash = identity.sessionHash;
    if (idHash !== undefined) await inTransaction(this.dataSource, (tx) => tx.delete(SessionEntity, { idHash }));
  }

  /** Who sends a request; undefined when it shows nothing that is good. Throws Refusal token_expired, foreign_origin. */
  async identify(request: Asking): Promise<Identity | undefined> {
    const shown = credentialOf(request);
    if (shown === undefined) return undefined;
    return shown.kind === "token" ? this.byToken(shown.secret) : this.bySession(shown.secret);
  }

  private async bySession(secret: string): Promise<Identity | undefined> {
    const sessionHash = digest(secret);
    const session = await this.dataSource.manager.findOneBy(SessionEntity, { idHash: sessionHash });
    if (session === null || session.expiresAt <= now()) return undefined;
    const user = await this.dataSource.manager.findOneBy(UserEntity, { id: session.userId });
    return user === null ? undefined : await this.inSession(user, session);
  }

  private async inSession(
    { id, username, groups }: UserEntity,
    { idHash, expiresAt }: Pick<SessionEntity, "idHash" | "expiresAt">,
  ): Promise<Identity> {
    const grants = await this.access.grantsOf(username, groups ?? []);
    return { userId: id, username, grants, via: "session", expiresAt, sessionHash: idHash };
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
      await inTransaction(this.dataSource, (tx) => tx.update(TokenEntity, { id: token.id }, { lastUsedAt: now() }));
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
      limit,
    };
  }
}
