// What a request needs, read from the route table and from what it names; and whether somebody has it. What one may not see is answered as what is not there.
import { type Grant, includes, may, mayAnywhere, type Role, roleFor, type Thing } from "@convirt/contract/access";
import type { Route } from "@convirt/contract/route";
import type { DataSource } from "typeorm";
import { Refusal } from "../errors/refusal.js";

/** Who asks, as far as it matters here. */
export interface Holder {
  username: string;
  grants: readonly Grant[];
}

/** The part of a request that says what it acts on. */
export interface Asked {
  params: Record<string, unknown>;
  body?: unknown;
}

interface Need {
  role: Role;
  thing: Thing | "everything";
  /** What is said to somebody who may not even see it; undefined where it need not be there. */
  notThere?: string;
}

/** Throws Refusal forbidden, or not_found for what the holder may not see. */
export async function decide(dataSource: DataSource, route: Route, asked: Asked, holder: Holder): Promise<void> {
  const { role } = route;
  if (role === "anyone" || role === "signed_in") return;
  const needs = await needsOf(dataSource, route, role, asked);
  // What is not well formed names nothing, and is refused by its form to whoever might have asked at all.
  const isNamed = needs.some((need) => includes(need.role, role));
  if (!isNamed && !mayAnywhere(holder.grants, role)) throw forbidden(holder, role);
  for (const need of needs) requireFor(holder, need);
}

/** Throws Refusal forbidden, or not_found. */
export function requireFor(holder: Holder, { role, thing, notThere }: Need): void {
  if (may(holder.grants, role, thing)) return;
  if (notThere !== undefined && !may(holder.grants, "viewer", thing)) {
    // Whoever may see nothing at all is told that.
    if (!mayAnywhere(holder.grants, "viewer")) throw forbidden(holder, role);
    throw new Refusal("not_found", notThere);
  }
  throw forbidden(holder, role, thing);
}

async function needsOf(dataSource: DataSource, route: Route, role: Role, asked: Asked): Promise<Need[]> {
  const { name, id } = asked.params;
  const body = (asked.body ?? {}) as Record<string, unknown>;
  switch (route.on) {
    case "some":
      return [];
    case "host":
      return hostNeed(role, name);
    case "image":
      return imageNeed(role, name);
    case "vm":
    case "job":
      return (await placeOf(dataSource, route.on, id)).needs(role);
    case "retry": {
      const place = await placeOf(dataSource, "job", id);
      return [...place.needs(role), ...(place.image === undefined ? [] : imageNeed(role, place.image))];
    }
    case "request":
      return [
        ...hostNeed(body["replaceDisks"] === true ? "vm_admin" : role, body["host"]),
        ...imageNeed(role, body["image"]),
      ];
    case "copy":
      return [
        ...imageNeed("viewer", name),
        ...(typeof body["name"] === "string" ? [{ role, thing: { kind: "image" as const, name: body["name"] } }] : []),
      ];
    default:
      return [{ role, thing: "everything" }];
  }
}

function hostNeed(role: Role, name: unknown): Need[] {
  if (typeof name !== "string") return [];
  const notThere = `There is no host "${name.slice(0, 64)}"; see: convirt host list`;
  return [{ role, thing: { kind: "host", name }, notThere }];
}

function imageNeed(role: Role, name: unknown): Need[] {
  if (typeof name !== "string") return [];
  return [{ role, thing: { kind: "image", name }, notThere: `There is no image "${name.slice(0, 80)}"` }];
}

/** By the tables' names: this room knows nothing of VMs and jobs but where they are. One that is not there is on a host without a name. */
async function placeOf(
  dataSource: DataSource,
  kind: "vm" | "job",
  id: unknown,
): Promise<{ image: string | undefined; needs: (role: Role) => Need[] }> {
  const named = typeof id === "string" ? id : "";
  const find = (column: "id" | "name") =>
    dataSource.manager
      .createQueryBuilder()
      .from(`${kind}s`, "one")
      .select(["one.host AS host", "one.image AS image"])
      .where(`one.${column} = :named`, { named })
      .getRawOne<{ host: string; image: string }>();
  const place = (await find("id")) ?? (kind === "vm" ? await find("name") : undefined);
  const notThere = `There is no ${kind === "vm" ? "VM" : "job"} "${named.slice(0, 80)}"`;
  return {
    image: place?.image,
    needs: (role) => [{ role, thing: { kind: "host", name: place?.host ?? "" }, notThere }],
  };
}

function forbidden({ username, grants }: Holder, role: Role, thing?: Thing | "everything"): Refusal {
  if (!mayAnywhere(grants, "viewer"))
    return new Refusal("forbidden", `${username} may nothing yet: an admin must give a role first`);
  if (thing === undefined)
    return new Refusal("forbidden", `${username} may not: this needs the role ${role}, which you have for nothing`);
  const what = thing === "everything" ? "everything" : `${thing.kind} ${thing.name}`.slice(0, 80);
  const held = roleFor(grants, thing);
  return new Refusal(
    "forbidden",
    `${username} may not: this needs the role ${role} for ${what}, ${held === undefined ? "where you have none" : `yours is ${held}`}`,
  );
}
