// A VM that a job made. What it is doing is its host's to say and is not kept here.
import { Column, Entity, Index, PrimaryColumn } from "typeorm";

export interface VmDisk {
  target: string;
  device: string;
  format: string;
  bytes: number;
  writable: boolean;
}

@Entity("vms")
@Index("ux_vms_name", ["name"], { unique: true })
@Index("ix_vms_image", ["image", "name", "id", "hostId", "host", "memoryMib", "vcpus", "createdAt"])
@Index("ix_vms_host", ["hostId"])
@Index("ix_vms_image_version", ["imageVersion", "image"])
@Index("ix_vms_list", ["name", "id", "hostId", "host", "image", "memoryMib", "vcpus", "createdAt"])
export class VmEntity {
  /** The uuid that the domain carries on its host. */
  @PrimaryColumn({ type: "varchar", length: 36 })
  id!: string;
  @Column({ type: "varchar", length: 64 })
  name!: string;
  @Column({ type: "varchar", length: 36, name: "host_id" })
  hostId!: string;
  @Column({ type: "varchar", length: 64 })
  host!: string;
  @Column({ type: "varchar", length: 64 })
  image!: string;
  @Column({ type: "varchar", length: 64, name: "image_version" })
  imageVersion!: string;
  @Column({ type: "varchar", length: 36, name: "job_id" })
  jobId!: string;
  @Column({ type: "integer", name: "memory_mib", nullable: true })
  memoryMib!: number | null;
  @Column({ type: "integer", nullable: true })
  vcpus!: number | null;
  /** RFC 3339, UTC. */
  @Column({ type: "varchar", length: 24, name: "created_at" })
  createdAt!: string;
  @Column({ type: "text", name: "vm_config_path" })
  vmConfigPath!: string;
  @Column({ type: "text", name: "vm_config" })
  vmConfig!: string;
  @Column({ type: "simple-json" })
  disks!: VmDisk[];
  @Column({ type: "simple-json", name: "image_conf" })
  imageConf!: Record<string, unknown>;
  @Column({ type: "simple-json", name: "vm_conf" })
  vmConf!: Record<string, unknown>;
}
