// Users, sessions and tokens: who somebody is, by a password, a cookie or a token. Passwords are kept as argon2id, everything else as SHA-256; a secret is shown
// once, when it is made.
import { createHash, randomBytes, randomUUID } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { password as passwordRule, type Role } from "@convirt/contract/session";
import { Inject, Injectable, Logger, type OnApplicationBootstrap } from "@nestjs/common";
import { hash, verify } from "@node-rs/argon2";
import { DataSource, LessThan } from "typeorm";
import { CONFIG, type Config } from "../config/config.js";
import { now } from "../database/columns.js";
import { inTransaction } from "../database/write-queue.js";
import { Attempts, networkOf } from "../errors/attempts.js";
import { Refusal } from "../errors/refusal.js";
import { type Asking, credentialOf } from "./credential.js";
import { type Identity, mayAs } from "./identity.js";
import { SessionEntity, TokenEntity, UserEntity } from "./user.entity.js";

const tokenPrefix = "convirt_";
/** A token's last use is written at most this often. */
const touchEveryMs = 60_000;

@Injectable()
export class AuthService implements OnApplicationBootstrap {
  private readonly log = new Logger("auth");
  private readonly byAddress = new Attempts({ what: "to sign in", most: 30, withinS: 60 });
  private readonly byName = new Attempts({ what: "to sign in", most: 10, withinS: 300 });
  /** Verified against when there is no such user, so that both take as long. */
  private decoy: Promise<string> | undefined;

  constructor(
    private readonly dataSource: DataSource,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  /**
   * The first start makes `admin`. Its password is that of the file that the settings name; where that is not there yet, a random one is written to it, for this
   * user's and root's eyes: the log of a service is read by others. Without a file a random one is shown here and nowhere else.
   */
  async onApplicationBootstrap(): Promise<void> {
    if ((await this.dataSource.manager.count(UserEntity)) > 0) return;
    const file = this.config.auth.admin_password_file;
    if (file === "") {
      const password = randomPassword();
      await this.addUser("admin", password, "admin");
      process.stderr.write(
        `\n  First start. Sign in as admin with the password ${password}\n  It is shown this once.\n\n`,
      );
      return;
    }
    // Written before the user is made: a crash between the two leaves no admin whose password nobody knows.
    if (!existsSync(file)) writeFileSync(file, `${randomPassword()}\n`, { mode: 0o600, flag: "wx" });
    await this.addUser("admin", firstPassword(file), "admin");
    this.log.log({ msg: "made the user admin; the first password is in the file, which may then be removed", file });
  }

  async addUser(username: string, password: string, role: Role): Promise<UserEntity> {
    const passwordHash = await hash(password);
    return inTransaction(this.dataSource, async (tx) => {
      if (await tx.existsBy(UserEntity, { username }))
        throw new Refusal("name_taken", `Cannot create user "${username}": there is one of that name`);
      return tx.save(UserEntity, {
        id: randomUUID(),
        username,
        passwordHash,
        role,
        createdAt: now(),
        lastSignInAt: null,
      });
    });
  }

  users(): Promise<UserEntity[]> {
    return this.dataSource.manager.find(UserEntity, { order: { username: "ASC" } });
  }

  async changeUser(
    username: string,
    change: { password?: string | undefined; role?: Role | undefined },
  ): Promise<UserEntity> {
    const passwordHash = change.password === undefined ? undefined : await hash(change.password);
    return inTransaction(this.dataSource, async (tx) => {
      const user = await this.userNamed(username);
      if (user.role === "admin" && change.role !== undefined && change.role !== "admin")
        await this.keepAnAdmin(username);
      if (passwordHash !== undefined) {
        user.passwordHash = passwordHash;
        // Whoever signed in by the old password is out.
        await tx.delete(SessionEntity, { userId: user.id });
      }
      if (change.role !== undefined) user.role = change.role;
      return tx.save(user);
    });
  }

  async removeUser(username: string): Promise<void> {
    await inTransaction(this.dataSource, async (tx) => {
      const user = await this.userNamed(username);
      if (user.role === "admin") await this.keepAnAdmin(username);
      await tx.delete(SessionEntity, { userId: user.id });
      await tx.delete(TokenEntity, { userId: user.id });
      await tx.delete(UserEntity, { id: user.id });
    });
  }

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
    return { secret, identity: { userId: user.id, username, role: user.role, via: "session", expiresAt, sessionHash } };
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
    return user === null
      ? undefined
      : {
          userId: user.id,
          username: user.username,
          role: user.role,
          via: "session",
          expiresAt: session.expiresAt,
          sessionHash,
        };
  }

  /** Throws Refusal token_expired; undefined for a token that is none. Its role is never above its owner's. */
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
    const role = mayAs(user.role, token.role) ? token.role : user.role;
    return { userId: user.id, username: user.username, role, via: "token", expiresAt: token.expiresAt };
  }

  async createToken(
    identity: Identity,
    wish: { name: string; role?: Role | undefined; expiresInDays: number },
  ): Promise<{ token: TokenEntity; secret: string }> {
    const role = wish.role ?? identity.role;
    if (!mayAs(identity.role, role))
      throw new Refusal("forbidden", `Cannot make a token of role ${role}: yours is ${identity.role}`);
    const secret = tokenPrefix + randomBytes(32).toString("base64url");
    const token = await inTransaction(this.dataSource, (tx) =>
      tx.save(TokenEntity, {
        id: randomUUID(),
        tokenHash: digest(secret),
        userId: identity.userId,
        name: wish.name,
        role,
        createdAt: now(),
        expiresAt: new Date(Date.now() + wish.expiresInDays * 86_400_000).toISOString(),
        lastUsedAt: null,
      }),
    );
    this.log.log({ msg: "token made", by: identity.username, name: wish.name, role });
    return { token, secret };
  }

  /** One's own; an admin sees all. */
  async tokens(identity: Identity): Promise<(TokenEntity & { username: string })[]> {
    const where = identity.role === "admin" ? {} : { userId: identity.userId };
    const tokens = await this.dataSource.manager.find(TokenEntity, { where, order: { createdAt: "DESC" } });
    const names = new Map((await this.users()).map((user) => [user.id, user.username]));
    return tokens.map((token) => Object.assign(token, { username: names.get(token.userId) ?? "" }));
  }

  async revokeToken(identity: Identity, id: string): Promise<void> {
    const token = (await this.tokens(identity)).find((one) => one.id === id);
    if (token === undefined)
      throw new Refusal("not_found", `There is no token "${id.slice(0, 64)}" that you could revoke`);
    await inTransaction(this.dataSource, (tx) => tx.delete(TokenEntity, { id: token.id }));
    this.log.log({ msg: "token revoked", by: identity.username, name: token.name });
  }

  private async userNamed(username: string): Promise<UserEntity> {
    const user = await this.dataSource.manager.findOneBy(UserEntity, { username });
    if (user === null) throw new Refusal("not_found", `There is no user "${username.slice(0, 64)}"`);
    return user;
  }

  private async keepAnAdmin(username: string): Promise<void> {
    const admins = await this.dataSource.manager.countBy(UserEntity, { role: "admin" });
    if (admins <= 1) throw new Refusal("forbidden", `"${username}" is the last admin, and stays one`);
  }
}

function randomPassword(): string {
  return randomBytes(15).toString("base64url");
}

/** Throws when the file holds no password that a user could be given. */
function firstPassword(file: string): string {
  const text = readFileSync(file, "utf8").trim();
  const checked = passwordRule.safeParse(text);
  if (!checked.success)
    throw new Error(
      `Cannot use ${file} as admin's first password: it ${checked.error.issues[0]?.message ?? "is not one"}`,
    );
  return text;
}

function digest(secret: string): string {
  return createHash("sha256").update(secret).digest("hex");
}
