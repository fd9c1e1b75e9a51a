// Users and their groups, and the first of them. Passwords are kept as argon2id.
import { randomBytes, randomUUID } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { password as passwordRule, type Role } from "@convirt/contract/session";
import { Inject, Injectable, Logger, type OnApplicationBootstrap } from "@nestjs/common";
import { hash } from "@node-rs/argon2";
import { DataSource, MoreThan } from "typeorm";
import { AccessService } from "../access/access.service.js";
import { AccessChangesService } from "../access/access-changes.service.js";
import { CONFIG, type Config } from "../config/config.js";
import { now } from "../database/columns.js";
import { inTransaction } from "../database/write-queue.js";
import { CannotStart } from "../errors/cannot-start.js";
import { Refusal } from "../errors/refusal.js";
import { SessionEntity, TokenEntity, UserEntity } from "./user.entity.js";

export interface NewUser {
  username: string;
  password: string;
  /** For everything. */
  role?: Role | undefined;
  groups?: string[] | undefined;
}

@Injectable()
export class UsersService implements OnApplicationBootstrap {
  private readonly log = new Logger("auth");

  constructor(
    private readonly dataSource: DataSource,
    private readonly access: AccessService,
    private readonly changes: AccessChangesService,
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
      await this.add({ username: "admin", password, role: "admin" }, "");
      process.stderr.write(
        `\n  First start. Sign in as admin with the password ${password}\n  It is shown this once.\n\n`,
      );
      return;
    }
    // Written before the user is made: a crash between the two leaves no admin whose password nobody knows.
    if (!existsSync(file))
      withFirstPassword(file, () => writeFileSync(file, `${randomPassword()}\n`, { mode: 0o600, flag: "wx" }));
    await this.add({ username: "admin", password: firstPassword(file), role: "admin" }, "");
    this.log.log({ msg: "made the user admin; the first password is in the file, which may then be removed", file });
  }

  async add({ username, password, role, groups = [] }: NewUser, by: string): Promise<UserEntity> {
    const passwordHash = await hash(password);
    return inTransaction(this.dataSource, async (tx) => {
      if (await tx.existsBy(UserEntity, { username }))
        throw new Refusal("name_taken", `Cannot create user "${username}": there is one of that name`);
      if (role !== undefined) await this.access.setRole(tx, username, role, by);
      return tx.save(UserEntity, {
        ...{ id: randomUUID(), username, passwordHash, groups, createdAt: now(), lastSignInAt: null },
      });
    });
  }

  /**
   * Who signs in by a provider's word, made the first time. Groups are as the provider says, each time that it says them. Throws Refusal oidc_failed for a name that
   * somebody else has here: a provider's word makes nobody that one.
   */
  async fromProvider(who: { subject: string; username: string; groups: string[] | undefined }): Promise<UserEntity> {
    const { subject, username, groups } = who;
    // Nobody knows it: there is no signing in by a password.
    const passwordHash = await hash(randomPassword());
    const user = await inTransaction(this.dataSource, async (tx) => {
      const known = await tx.findOneBy(UserEntity, { oidcSubject: subject });
      if (known !== null) return tx.save(Object.assign(known, groups === undefined ? {} : { groups }));
      if (await tx.existsBy(UserEntity, { username }))
        throw new Refusal("oidc_failed", `Cannot sign in: there is another user "${username}" here`);
      this.log.log({ msg: "made a user by the provider's word", username });
      return tx.save(UserEntity, {
        ...{ id: randomUUID(), username, passwordHash, oidcSubject: subject, groups: groups ?? [] },
        ...{ createdAt: now(), lastSignInAt: null, totpSecret: null, knownNetworks: null },
      });
    });
    this.changes.changed();
    return user;
  }

  all(): Promise<UserEntity[]> {
    return this.dataSource.manager.find(UserEntity, { order: { username: "ASC" } });
  }

  async change(
    username: string,
    change: {
      password?: string | undefined;
      role?: Role | null | undefined;
      groups?: string[] | undefined;
      secondFactor?: false | undefined;
    },
    by: string,
  ): Promise<UserEntity> {
    const passwordHash = change.password === undefined ? undefined : await hash(change.password);
    const changed = await inTransaction(this.dataSource, async (tx) => {
      const user = await this.named(username);
      if (change.role !== undefined) await this.access.setRole(tx, username, change.role, by);
      if (passwordHash !== undefined) {
        user.passwordHash = passwordHash;
        // Whoever signed in by the old password is out.
        await tx.delete(SessionEntity, { userId: user.id });
      }
      if (change.groups !== undefined) user.groups = change.groups;
      if (change.secondFactor === false)
        Object.assign(user, { totpSecret: null, totpLastStep: null, recoveryHashes: null });
      return tx.save(user);
    });
    this.changes.changed();
    return changed;
  }

  async setPassword(userId: string, password: string): Promise<void> {
    const passwordHash = await hash(password);
    await inTransaction(this.dataSource, (tx) => tx.update(UserEntity, { id: userId }, { passwordHash }));
  }

  /** How many API tokens that are good each user has, or the one; one who has none is not there. */
  async goodTokens(userId?: string): Promise<ReadonlyMap<string, number>> {
    const rows = await this.dataSource.manager
      .createQueryBuilder(TokenEntity, "token")
      .select("token.userId", "userId")
      .addSelect("COUNT(*)", "count")
      .where({ expiresAt: MoreThan(now()), ...(userId === undefined ? {} : { userId }) })
      .groupBy("token.userId")
      .getRawMany<{ userId: string; count: number | string }>();
    return new Map(rows.map(({ userId, count }) => [userId, Number(count)]));
  }

  async remove(username: string): Promise<void> {
    await inTransaction(this.dataSource, async (tx) => {
      const user = await this.named(username);
      await this.access.forget(tx, username);
      await tx.delete(SessionEntity, { userId: user.id });
      await tx.delete(TokenEntity, { userId: user.id });
      await tx.delete(UserEntity, { id: user.id });
    });
    this.changes.changed();
  }

  private async named(username: string): Promise<UserEntity> {
    const user = await this.dataSource.manager.findOneBy(UserEntity, { username });
    if (user === null) throw new Refusal("not_found", `There is no user "${username.slice(0, 64)}"`);
    return user;
  }
}

function randomPassword(): string {
  return randomBytes(15).toString("base64url");
}

/** Throws when the file holds no password that a user could be given. */
function firstPassword(file: string): string {
  const text = withFirstPassword(file, () => readFileSync(file, "utf8")).trim();
  const checked = passwordRule.safeParse(text);
  if (!checked.success)
    throw new CannotStart(
      `Cannot use ${file} as admin's first password: it ${checked.error.issues[0]?.message ?? "is not one"}`,
    );
  return text;
}

function withFirstPassword<T>(file: string, act: () => T): T {
  try {
    return act();
  } catch (error) {
    throw new CannotStart(
      `Cannot use ${file} for admin's first password: ${(error as Error).message}. The controller must be able to read it, or to make it (auth.admin_password_file)`,
    );
  }
}
