import { Column, Entity, PrimaryColumn } from "typeorm";
import { instantColumn } from "../database/columns.js";

@Entity("kept_answers")
export class KeptAnswerEntity {
  @PrimaryColumn({ type: "varchar", length: 64 })
  id!: string;
  @Column({ type: "varchar", length: 64, name: "request_hash" })
  requestHash!: string;
  @Column({ type: "integer" })
  status!: number;
  @Column({ type: "text" })
  body!: string;
  @Column({ ...instantColumn, name: "created_at" })
  createdAt!: string;
}
