// What is stored of VMs. Jobs write here when they succeed, images ask here who uses them; hosts are not asked for any of it.
import { Injectable } from "@nestjs/common";
import { InjectRepository } from "@nestjs/typeorm";
import { type EntityManager, In, Repository } from "typeorm";
import { type VmDisk, VmEntity } from "./vm.entity.js";

/** What a job that succeeded says of the VM that it made. */
export interface MadeVm {
  id: string;
  vm: string;
  vmUuid: string;
  hostId: string;
  host: string;
  image: string;
  imageVersion: string;
  vmConfigPath: string | null;
  vmConfig: string | null;
  disks: VmDisk[];
  options: { imageConf: Record<string, unknown>; vmConf: Record<string, unknown> };
}

@Injectable()
export class VmRecords {
  private readonly vms: Repository<VmEntity>;

  /** When VMs were recorded by this process, by a clock that nobody sets. */
  private readonly made = new Map<string, number>();

  constructor(@InjectRepository(VmEntity) vms: Repository<VmEntity>) {
    this.vms = vms;
  }

  /** Records the VM that `job` made; in the transaction that ends the job. */
  async record(tx: EntityManager, job: MadeVm): Promise<void> {
    const { imageConf, vmConf } = job.options;
    const vm: VmEntity = {
      id: job.vmUuid,
      name: job.vm,
      hostId: job.hostId,
      host: job.host,
      image: job.image,
      imageVersion: job.imageVersion,
      jobId: job.id,
      memoryMib: wholeNumber(vmConf["memory"]),
      vcpus: wholeNumber(vmConf["vcpus"]),
      createdAt: new Date().toISOString(),
      vmConfigPath: job.vmConfigPath ?? "",
      vmConfig: job.vmConfig ?? "",
      disks: job.disks,
      imageConf,
      vmConf,
    };
    await tx.save(VmEntity, vm, { reload: false });
    this.made.set(vm.id, performance.now());
  }

  /** By `performance.now()`; undefined of a VM that an earlier process recorded. */
  madeAtMs(id: string): number | undefined {
    return this.made.get(id);
  }

  async nameTaken(tx: EntityManager, name: string): Promise<boolean> {
    return await tx.existsBy(VmEntity, { name });
  }

  async countByImage(name: string): Promise<number> {
    return await this.vms.countBy({ image: name });
  }

  /** Those of the image's versions, `among` these, that VMs were made of. */
  async namedVersions(image: string, among: readonly string[]): Promise<string[]> {
    const rows = await this.vms
      .createQueryBuilder("vm")
      .select("DISTINCT vm.imageVersion", "version")
      .where({ image, imageVersion: In(among) })
      .getRawMany<{ version: string }>();
    return rows.map(({ version }) => version);
  }

  async countAll(): Promise<ReadonlyMap<string, number>> {
    const rows = await this.vms
      .createQueryBuilder("vm")
      .select("vm.image", "image")
      .addSelect("COUNT(*)", "count")
      .groupBy("vm.image")
      .getRawMany<{ image: string; count: number | string }>();
    return new Map(rows.map((row) => [row.image, Number(row.count)]));
  }
}

function wholeNumber(value: unknown): number | null {
  const number = typeof value === "string" && /^\d{1,9}$/.test(value) ? Number(value) : value;
  return typeof number === "number" && Number.isSafeInteger(number) ? number : null;
}
