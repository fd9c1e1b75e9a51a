import type { Role } from "@convirt/contract/session";
import { Column, Entity, Index, PrimaryColumn } from "typeorm";
import { instantColumn } from "../database/columns.js";

/** A role that a user or a group holds for a scope. Hosts, images and tags are meant by their names, also before they are there. */
@Entity("grants")
@Index("ux_grants", ["subjectKind", "subject", "role", "scope"], { unique: true })
export class GrantEntity {
  @PrimaryColumn({ type: "varchar", length: 36 })
  id!: string;
  @Column({ type: "varchar", length: 8, name: "subject_kind" })
  subjectKind!: "user" | "group";
  /** The user's or the group's name; a user's grants go with the user. */
  @Column({ type: "varchar", length: 64 })
  subject!: string;
  @Column({ type: "varchar", length: 16 })
  role!: Role;
  @Column({ type: "varchar", length: 80 })
  scope!: string;
  @Column({ ...instantColumn, name: "created_at" })
  createdAt!: string;
  @Column({ type: "varchar", length: 64, name: "created_by" })
  createdBy!: string;
}

/** A tag that a host or an image bears. */
@Entity("tags")
export class TagEntity {
  @PrimaryColumn({ type: "varchar", length: 8 })
  kind!: "host" | "image";
  @PrimaryColumn({ type: "varchar", length: 64 })
  name!: string;
  @PrimaryColumn({ type: "varchar", length: 64 })
  tag!: string;
}
