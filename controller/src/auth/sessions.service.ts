// Sessions of browsers: begun by a sign-in, seen by each request, listed, ended. What the cookie holds is kept as SHA-256; what names a session to people is a hash of
// that again, and opens nothing.
import { createHash, randomBytes } from "node:crypto";
import { may } from "@convirt/contract/access";
import type { SessionItem } from "@convirt/contract/session";
import { Inject, Injectable, Logger } from "@nestjs/common";
import { DataSource, LessThan, MoreThan, Not } from "typeorm";
import { AccessChangesService } from "../access/access-changes.service.js";
import { CONFIG, type Config } from "../config/config.js";
import { now } from "../database/columns.js";
import { inTransaction, inUnsyncedTransaction } from "../database/write-queue.js";
import { networkOf } from "../errors/attempts.js";
import { Refusal } from "../errors/refusal.js";
import type { Identity } from "./identity.js";
import { digest } from "./tokens.service.js";
import { SessionEntity, UserEntity } from "./user.entity.js";

/** Where a request comes from. */
export interface Origin {
  address: string;
  userAgent: string;
}

/** When a session was last seen is written at most this often. */
const touchEveryMs = 60_000;
const mostNetworks = 10;

@Injectable()
export class SessionsService {
  private readonly log = new Logger("auth");

  constructor(
    private readonly dataSource: DataSource,
    private readonly changes: AccessChangesService,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  /** The session's secret, for the cookie. */
  async begin(user: UserEntity, { address, userAgent }: Origin): Promise<{ secret: string; session: SessionEntity }> {
    const secret = randomBytes(32).toString("base64url");
    const at = now();
    const session: SessionEntity = {
      ...{ idHash: digest(secret), userId: user.id, createdAt: at, lastSeenAt: at },
      expiresAt: new Date(Date.now() + this.config.auth.session_hours * 3_600_000).toISOString(),
      ...{ address: address.slice(0, 64), userAgent: userAgent.slice(0, 200) },
    };
    const network = networkOf(address);
    const known = [network, ...(user.knownNetworks ?? []).filter((one) => one !== network)].slice(0, mostNetworks);
    await inTransaction(this.dataSource, async (tx) => {
      await tx.delete(SessionEntity, { expiresAt: LessThan(at) });
      await tx.insert(SessionEntity, session);
      await tx.update(UserEntity, { id: user.id }, { lastSignInAt: at, knownNetworks: known });
    });
    return { secret, session };
  }

  /** The session of that secret, if it is good still. */
  async of(secret: string): Promise<SessionEntity | undefined> {
    const session = await this.dataSource.manager.findOneBy(SessionEntity, { idHash: digest(secret) });
    if (session === null || session.expiresAt <= now()) return undefined;
    if (session.lastSeenAt === null || Date.now() - Date.parse(session.lastSeenAt) > touchEveryMs) {
      const { idHash } = session;
      await inUnsyncedTransaction(this.dataSource, (tx) => tx.update(SessionEntity, { idHash }, { lastSeenAt: now() }));
    }
    return session;
  }

  /** One's own; an admin sees all. */
  async visibleTo(identity: Identity): Promise<SessionItem[]> {
    const mine = may(identity.grants, "admin", "everything") ? {} : { userId: identity.userId };
    const where = { ...mine, expiresAt: MoreThan(now()) };
    const sessions = await this.dataSource.manager.find(SessionEntity, { where, order: { createdAt: "DESC" } });
    const users = await this.dataSource.manager.find(UserEntity, { select: { id: true, username: true } });
    const names = new Map(users.map((user) => [user.id, user.username]));
    return sessions.map(({ idHash, userId, createdAt, expiresAt, lastSeenAt, address, userAgent }) => ({
      ...{
        id: publicId(idHash),
        username: names.get(userId) ?? "",
        createdAt,
        expiresAt,
        lastSeenAt,
        address,
        userAgent,
      },
      isThis: idHash === identity.sessionHash,
    }));
  }

  async end(identity: Identity, id: string): Promise<void> {
    const found = (await this.visibleTo(identity)).find((one) => one.id === id);
    const all =
      found === undefined ? [] : await this.dataSource.manager.find(SessionEntity, { select: { idHash: true } });
    const session = all.find(({ idHash }) => publicId(idHash) === id);
    if (session === undefined)
      throw new Refusal("not_found", `There is no session "${id.slice(0, 64)}" that you could end`);
    await inTransaction(this.dataSource, (tx) => tx.delete(SessionEntity, { idHash: session.idHash }));
    this.changes.changed();
    this.log.log({ msg: "session ended", of: found?.username, by: identity.username });
  }

  async signOut({ sessionHash }: Identity): Promise<void> {
    if (sessionHash === undefined) return;
    await inTransaction(this.dataSource, (tx) => tx.delete(SessionEntity, { idHash: sessionHash }));
    this.changes.changed();
  }

  /** All of the user's sessions but this one. */
  async endOthers({ userId, sessionHash = "" }: Identity): Promise<void> {
    await inTransaction(this.dataSource, (tx) => tx.delete(SessionEntity, { userId, idHash: Not(sessionHash) }));
    this.changes.changed();
  }
}

function publicId(idHash: string): string {
  return createHash("sha256").update(idHash).digest("hex").slice(0, 32);
}
