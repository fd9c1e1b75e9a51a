// What people may do: grants of roles to users and groups, and the tags that they may be for. What nobody was granted, nobody may. Grants go by names, of
// hosts and images too: one that comes again under its name is covered again.
import { randomUUID } from "node:crypto";
import {
  contains,
  covers,
  type Grant,
  limited,
  type Role,
  type Scope,
  sees,
  type Thing,
} from "@convirt/contract/access";
import type { Route } from "@convirt/contract/route";
import type { GrantView, Subject, TagView } from "@convirt/contract/session";
import { Injectable, Logger } from "@nestjs/common";
import { DataSource, type EntityManager, type FindOperator, In, Like } from "typeorm";
import { now } from "../database/columns.js";
import { inTransaction } from "../database/write-queue.js";
import { Refusal } from "../errors/refusal.js";
import { AccessChangesService } from "./access-changes.service.js";
import { type Asked, decide, type Holder, requireFor } from "./decide.js";
import { GrantEntity, TagEntity } from "./grant.entity.js";

const everything = { subjectKind: "user", scope: "everything" } as const;

@Injectable()
export class AccessService {
  private readonly log = new Logger("access");

  constructor(
    private readonly dataSource: DataSource,
    private readonly changes: AccessChangesService,
  ) {}

  /** What somebody holds, of all groups too and within the limit, with tags replaced by the hosts and images that bear them. */
  async grantsOf(
    username: string,
    groups: readonly string[],
    limit?: { most: Role; within: readonly Scope[] | null },
  ): Promise<Grant[]> {
    const rows = await this.dataSource.manager.find(GrantEntity, {
      where: [
        { subjectKind: "user", subject: username },
        { subjectKind: "group", subject: In([...groups]) },
      ],
    });
    const within = limit?.within ?? null;
    const isTagged = [...rows.map(({ scope }) => scope), ...(within ?? [])].some((scope) => scope.startsWith("tag:"));
    const tags = isTagged ? await this.dataSource.manager.find(TagEntity) : [];
    const grants = rows.flatMap(({ role, scope }) => untagged(scope, tags).map((one) => ({ role, scope: one })));
    if (limit === undefined) return grants;
    return limited(grants, limit.most, within?.flatMap((scope) => untagged(scope, tags)) ?? null);
  }

  /** The same of everybody, read once. */
  async grants(): Promise<(username: string, groups: readonly string[]) => Grant[]> {
    const [rows, tags] = await Promise.all([
      this.dataSource.manager.find(GrantEntity),
      this.dataSource.manager.find(TagEntity),
    ]);
    const held = new Map<string, Grant[]>();
    for (const { subjectKind, subject, role, scope } of rows) {
      const holder = `${subjectKind} ${subject}`;
      const grants = untagged(scope, tags).map((one) => ({ role, scope: one }));
      held.set(holder, [...(held.get(holder) ?? []), ...grants]);
    }
    return (username, groups) =>
      [`user ${username}`, ...new Set(groups.map((group) => `group ${group}`))].flatMap(
        (holder) => held.get(holder) ?? [],
      );
  }

  /** Throws Refusal forbidden unless the holder may call the route for what the request names; not_found for what the holder may not see. */
  decide(route: Route, asked: Asked, holder: Holder): Promise<void> {
    return decide(this.dataSource, route, asked, holder);
  }

  /** For what a request turns out to act on. Throws Refusal forbidden. */
  require(holder: Holder, role: Role, thing: Thing): void {
    requireFor(holder, { role, thing });
  }

  /** Those of the jobs that the holder may see. */
  async jobsSeen(holder: { grants: readonly Grant[] }, ids: readonly string[]): Promise<string[]> {
    const hosts = hostsSeen(holder);
    if (hosts === null) return [...ids];
    const query = this.dataSource.manager
      .createQueryBuilder()
      .from("jobs", "job")
      .select(["job.id AS id", "job.host AS host"]);
    const rows = await query
      .where("job.id IN (:...ids)", { ids: ["", ...ids] })
      .getRawMany<{ id: string; host: string }>();
    return rows.filter(({ host }) => sees(holder, "host", host)).map(({ id }) => id);
  }

  async list(): Promise<GrantView[]> {
    const order = { subjectKind: "ASC", subject: "ASC", scope: "ASC", role: "ASC" } as const;
    return (await this.dataSource.manager.find(GrantEntity, { order })).map(toGrantView);
  }

  /** The grant, also when it was there before. Throws Refusal not_found for a user who is not there. */
  async give(to: { subject: Subject; role: Role; scope: Scope }, by: string): Promise<GrantView> {
    const given = await inTransaction(this.dataSource, async (tx) => {
      const { kind, name } = to.subject;
      const wanted = { subjectKind: kind, subject: name, role: to.role, scope: to.scope };
      if (kind === "user" && !(await hasUser(tx, name)))
        throw new Refusal("not_found", `There is no user "${name.slice(0, 64)}"`);
      const known = await tx.findOneBy(GrantEntity, wanted);
      if (known !== null) return toGrantView(known);
      this.log.log({ msg: "role given", to: `${kind} ${name}`, role: to.role, scope: to.scope, by });
      return toGrantView(await tx.save(GrantEntity, { id: randomUUID(), ...wanted, createdAt: now(), createdBy: by }));
    });
    this.changes.changed();
    return given;
  }

  async take(id: string, by: string): Promise<void> {
    await inTransaction(this.dataSource, async (tx) => {
      const grant = await tx.findOneBy(GrantEntity, { id });
      if (grant === null) throw new Refusal("not_found", `There is no grant "${id.slice(0, 64)}"`);
      if (isAdmin(grant)) await keepAnAdmin(tx, grant.subject);
      await tx.delete(GrantEntity, { id });
      const { subjectKind, subject, role, scope } = grant;
      this.log.log({ msg: "role taken", from: `${subjectKind} ${subject}`, role, scope, by });
    });
    this.changes.changed();
  }

  /** Makes the role all that the user, apart from groups, holds for everything; null: nothing. Throws Refusal forbidden at the last admin. */
  async setRole(tx: EntityManager, username: string, role: Role | null, by: string): Promise<void> {
    const held = await tx.findBy(GrantEntity, { ...everything, subject: username });
    if (held.some(isAdmin) && role !== "admin") await keepAnAdmin(tx, username);
    await tx.delete(GrantEntity, { ...everything, subject: username });
    if (role === null) return;
    await tx.insert(GrantEntity, {
      ...{ id: randomUUID(), ...everything, subject: username, role, createdAt: now(), createdBy: by },
    });
  }

  /** All that the user holds goes. Throws Refusal forbidden at the last admin. */
  async forget(tx: EntityManager, username: string): Promise<void> {
    await this.setRole(tx, username, null, "");
    await tx.delete(GrantEntity, { subjectKind: "user", subject: username });
  }

  async tags(): Promise<TagView[]> {
    return await this.dataSource.manager.find(TagEntity, { order: { kind: "ASC", name: "ASC", tag: "ASC" } });
  }

  /** Whether such a thing is there is not asked: a tag may wait for a host that is yet to come. */
  async setTags(kind: "host" | "image", name: string, tags: readonly string[], by: string): Promise<TagView[]> {
    const rows = [...new Set(tags)].sort().map((tag) => ({ kind, name, tag }));
    await inTransaction(this.dataSource, async (tx) => {
      await tx.delete(TagEntity, { kind, name });
      if (rows.length > 0) await tx.insert(TagEntity, rows);
    });
    this.changes.changed();
    this.log.log({ msg: "tags set", [kind]: name, tags: rows.map(({ tag }) => tag), by });
    return rows;
  }
}

/** The hosts that somebody sees, as conditions of which one must hold; null when all are seen. */
export function hostsSeen({ grants }: { grants: readonly Grant[] }): FindOperator<string>[] | null {
  const scopes = grants.map(({ scope }) => scope);
  if (scopes.some((scope) => covers(scope, "everything"))) return null;
  const names = scopes.filter((scope) => scope.startsWith("host:")).map((scope) => scope.slice("host:".length));
  // LIKE takes an underscore for any character; no host's name holds one, so a pattern that does finds none.
  const starts = names.filter((name) => /^[A-Za-z0-9.-]*\*$/.test(name)).map((name) => Like(`${name.slice(0, -1)}%`));
  return [In(names.filter((name) => !name.endsWith("*"))), ...starts];
}

function untagged(scope: Scope, tags: readonly TagEntity[]): Scope[] {
  if (!scope.startsWith("tag:")) return [scope];
  return tags.filter(({ tag }) => contains(scope, `tag:${tag}`)).map(({ kind, name }) => `${kind}:${name}`);
}

function isAdmin({ role, scope, subjectKind }: GrantEntity): boolean {
  return role === "admin" && scope === "everything" && subjectKind === "user";
}

/** A group's admins do not count: who is in it may be another's to say. */
async function keepAnAdmin(tx: EntityManager, username: string): Promise<void> {
  if ((await tx.countBy(GrantEntity, { ...everything, role: "admin" })) <= 1)
    throw new Refusal("forbidden", `"${username}" is the last admin, and stays one`);
}

/** By the table's name: this room knows nothing of users but their names. */
async function hasUser(tx: EntityManager, username: string): Promise<boolean> {
  const query = tx.createQueryBuilder().from("users", "one").select("one.id").where("one.username = :username");
  return (await query.setParameters({ username }).getRawMany()).length > 0;
}

function toGrantView({ id, subjectKind, subject, role, scope, createdAt, createdBy }: GrantEntity): GrantView {
  return { id, subject: { kind: subjectKind, name: subject }, role, scope, createdAt, createdBy };
}
