// What a person may do: roles, the grants that give them, and the one rule that decides. Without the schemas and without imports, so that the browser decides
// what to show by the very code by which the controller decides what is done.
//
//   viewer < operator < provisioner < vm_admin < image_author, raw_config < admin
//
// The two before the last stand side by side, and neither holds the other: each is root on the hosts that it reaches.

export const roles = ["viewer", "operator", "provisioner", "vm_admin", "image_author", "raw_config", "admin"] as const;
export type Role = (typeof roles)[number];

const ranks: Record<Role, number> = {
  viewer: 1,
  operator: 2,
  provisioner: 3,
  vm_admin: 4,
  image_author: 5,
  raw_config: 5,
  admin: 6,
};

/** Each role in words, for those who give it. */
export const roleSays: Record<Role, string> = {
  viewer: "sees, and changes nothing",
  operator: "starts and stops VMs",
  provisioner: "makes VMs of images, with values for what their authors left open",
  vm_admin: "removes VMs and overwrites disks, and drains hosts",
  image_author: "writes images and their scripts: root on every host where these are provisioned",
  raw_config: "sets keys that reach into a host, such as its devices and programs: root on these hosts",
  admin: "invites hosts and gives roles: root on every host",
};

/** Whoever holds it is root on the hosts that it reaches. */
export const rootRoles: ReadonlySet<Role> = new Set<Role>(["image_author", "raw_config", "admin"]);

export function includes(role: Role, least: Role): boolean {
  return role === least || ranks[role] > ranks[least];
}

/** What both allow. */
export function lesser(one: Role, other: Role): Role {
  if (includes(one, other)) return other;
  return includes(other, one) ? one : "vm_admin";
}

/**
 * What a grant is for: `everything`, `host:NAME`, `image:NAME` or `tag:NAME`; a name may end in `*`. A host's grants are for its VMs and jobs too. A tag's are
 * for the hosts and the images that bear it.
 */
export type Scope = string;
export const scopePattern = /^(everything|(host|image|tag):[A-Za-z0-9_][A-Za-z0-9_.+-]{0,62}\*?|(host|image):\*)$/;

export interface Grant {
  role: Role;
  scope: Scope;
}

/** What is acted on; a VM and a job are acted on where they are: on their host. */
export interface Thing {
  kind: "host" | "image";
  name: string;
}

/** Whether a scope covers a thing; `everything` as a thing is what belongs to no host and no image. Tags must have been replaced by what bears them. */
export function covers(scope: Scope, thing: Thing | "everything"): boolean {
  if (scope === "everything") return true;
  return thing !== "everything" && contains(scope, `${thing.kind}:${thing.name}`);
}

/** Whether the first scope holds the second whole. */
export function contains(scope: Scope, inner: Scope): boolean {
  if (scope === "everything" || scope === inner) return true;
  return scope.endsWith("*") && inner.startsWith(scope.slice(0, -1));
}

/** The one rule: some grant of at least that role covers it. Nothing is allowed that no grant allows. */
export function may(grants: readonly Grant[], role: Role, thing: Thing | "everything"): boolean {
  return grants.some((grant) => includes(grant.role, role) && covers(grant.scope, thing));
}

/** The role on at least one thing: enough to ask for a list, which then shows what one may see. */
export function mayAnywhere(grants: readonly Grant[], role: Role): boolean {
  return grants.some((grant) => includes(grant.role, role));
}

/** The highest role that is held for a thing; of the two that stand side by side the one that comes later in the list. */
export function roleFor(grants: readonly Grant[], thing: Thing | "everything"): Role | undefined {
  return roles.findLast((role) => may(grants, role, thing));
}

/** The grants as they are within a limit: of at most that role, and, where scopes are given, within these alone. */
export function limited(grants: readonly Grant[], most: Role, within: readonly Scope[] | null): Grant[] {
  return grants.flatMap(({ role, scope }) => {
    const capped = lesser(role, most);
    if (within === null) return [{ role: capped, scope }];
    return within.flatMap((limit) => {
      if (contains(scope, limit)) return [{ role: capped, scope: limit }];
      return contains(limit, scope) ? [{ role: capped, scope }] : [];
    });
  });
}

/** Whether a list shows it to whoever holds these; a host's VMs and jobs go by their host. */
export function sees(holder: { grants: readonly Grant[] }, kind: Thing["kind"], name: string): boolean {
  return may(holder.grants, "viewer", { kind, name });
}
