// A row stands in every copy of the database from the moment that it is taken: the file so knows that it is a copy, and a controller that begins
// to work on it knows that time has passed on the hosts of which nothing is written here.
import { Column, Entity, PrimaryColumn } from "typeorm";
import { instantColumn } from "../database/columns.js";

@Entity("restores")
export class RestoreEntity {
  @PrimaryColumn({ type: "varchar", length: 24, name: "copy_taken_at" })
  copyTakenAt!: string;
  /** Null in a copy that is put away. */
  @Column({ ...instantColumn, type: "varchar", name: "restored_at", nullable: true })
  restoredAt!: string | null;
}
