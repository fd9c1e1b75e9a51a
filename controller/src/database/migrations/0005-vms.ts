import { type MigrationInterface, type QueryRunner, Table, TableIndex } from "typeorm";

/** VMs that were provisioned. */
export class Vms1764000000005 implements MigrationInterface {
  name = "Vms1764000000005";

  async up(runner: QueryRunner): Promise<void> {
    await runner.createTable(
      new Table({
        name: "vms",
        columns: [
          { name: "id", type: "varchar", length: "36", isPrimary: true },
          { name: "name", type: "varchar", length: "64" },
          { name: "host_id", type: "varchar", length: "36" },
          { name: "host", type: "varchar", length: "64" },
          { name: "image", type: "varchar", length: "64" },
          { name: "image_version", type: "varchar", length: "64" },
          { name: "job_id", type: "varchar", length: "36" },
          { name: "memory_mib", type: "integer", isNullable: true },
          { name: "vcpus", type: "integer", isNullable: true },
          { name: "created_at", type: "varchar", length: "24" },
          { name: "vm_config_path", type: "text" },
          { name: "vm_config", type: "text" },
          { name: "disks", type: "text" },
          { name: "image_conf", type: "text" },
          { name: "vm_conf", type: "text" },
        ],
      }),
    );
    await runner.createIndex("vms", new TableIndex({ name: "ux_vms_name", columnNames: ["name"], isUnique: true }));
    await runner.createIndex("vms", new TableIndex({ name: "ix_vms_image", columnNames: ["image"] }));
    await runner.createIndex("vms", new TableIndex({ name: "ix_vms_host", columnNames: ["host_id"] }));
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.dropTable("vms");
  }
}
