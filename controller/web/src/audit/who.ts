import type { AuditView } from "@convirt/contract/audit";

/** Of what nobody asked for: a host enters by its invitation, the controller prunes by its settings. */
export function whoOf({ username, via }: Pick<AuditView, "username" | "via">): string {
  return username ?? (via === "controller" ? "the controller" : "a host, by its invitation");
}
