// API tokens: made, listed, revoked. A secret is shown once, when it is made, and kept as SHA-256. A token may at most what its owner may at that moment, within
// the role and the scopes that it was made with.
import { createHash, randomBytes, randomUUID } from "node:crypto";
import { contains, may, mayAnywhere, type Role, roles } from "@convirt/contract/access";
import { Injectable, Logger } from "@nestjs/common";
import { DataSource } from "typeorm";
import { AccessChangesService } from "../access/access-changes.service.js";
import { now } from "../database/columns.js";
import { inTransaction } from "../database/write-queue.js";
import { Refusal } from "../errors/refusal.js";
import type { Identity } from "./identity.js";
import { TokenEntity, UserEntity } from "./user.entity.js";

const tokenPrefix = "convirt_";

export interface TokenWish {
  name: string;
  role?: Role | undefined;
  scopes?: string[] | undefined;
  expiresInDays: number;
}

@Injectable()
export class TokensService {
  private readonly log = new Logger("auth");

  constructor(
    private readonly dataSource: DataSource,
    private readonly changes: AccessChangesService,
  ) {}

  /** Throws Refusal forbidden for more than the maker may. */
  async create(identity: Identity, wish: TokenWish): Promise<{ token: TokenEntity; secret: string }> {
    const role = wish.role ?? identity.limit?.most ?? highest(identity);
    const within = identity.limit?.within ?? null;
    if (wish.role !== undefined && !mayAnywhere(identity.grants, wish.role))
      throw new Refusal("forbidden", `Cannot make a token of role ${wish.role}: you have it for nothing`);
    for (const scope of wish.scopes ?? [])
      if (within !== null && !within.some((limit) => contains(limit, scope)))
        throw new Refusal(
          "forbidden",
          `Cannot make a token for ${scope}: the token that asks is for ${within.join(", ")}`,
        );
    const secret = tokenPrefix + randomBytes(32).toString("base64url");
    const token = await inTransaction(this.dataSource, (tx) =>
      tx.save(TokenEntity, {
        id: randomUUID(),
        tokenHash: digest(secret),
        userId: identity.userId,
        name: wish.name,
        role,
        scopes: wish.scopes ?? within,
        createdAt: now(),
        expiresAt: new Date(Date.now() + wish.expiresInDays * 86_400_000).toISOString(),
        lastUsedAt: null,
      }),
    );
    this.log.log({ msg: "token made", by: identity.username, name: wish.name, role, scopes: token.scopes });
    return { token, secret };
  }

  /** One's own; an admin sees all. */
  async visibleTo(identity: Identity): Promise<(TokenEntity & { username: string })[]> {
    const where = may(identity.grants, "admin", "everything") ? {} : { userId: identity.userId };
    const tokens = await this.dataSource.manager.find(TokenEntity, { where, order: { createdAt: "DESC" } });
    const users = await this.dataSource.manager.find(UserEntity, { select: { id: true, username: true } });
    const names = new Map(users.map((user) => [user.id, user.username]));
    return tokens.map((token) => Object.assign(token, { username: names.get(token.userId) ?? "" }));
  }

  async revoke(identity: Identity, id: string): Promise<void> {
    const token = (await this.visibleTo(identity)).find((one) => one.id === id);
    if (token === undefined)
      throw new Refusal("not_found", `There is no token "${id.slice(0, 64)}" that you could revoke`);
    await inTransaction(this.dataSource, (tx) => tx.delete(TokenEntity, { id: token.id }));
    this.changes.changed();
    this.log.log({ msg: "token revoked", by: identity.username, name: token.name });
  }
}

/** The highest role that is held for anything. Who holds the two that stand side by side would lose one by either: admin limits nothing. */
function highest({ grants }: Identity): Role {
  const held = roles.filter((role) => mayAnywhere(grants, role));
  return held.includes("image_author") && held.includes("raw_config") ? "admin" : (held.at(-1) ?? "viewer");
}

export function digest(secret: string): string {
  return createHash("sha256").update(secret).digest("hex");
}
