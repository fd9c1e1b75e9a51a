// What VMs are doing: always their host's last report, shown with its age.
import type { VmState, VmView } from "@convirt/contract/vm";
import { Injectable } from "@nestjs/common";
import { InventoryService } from "../inventory/inventory.service.js";
import type { VmEntity } from "./vm.entity.js";
import { VmRecords } from "./vm-records.service.js";
import { type SeenState, settle } from "./vm-state.js";

/** What decides of a VM's state. */
export type Stated = Pick<VmEntity, "id" | "name" | "hostId" | "createdAt">;
/** What a list reads of a VM. */
export type ListedVm = Stated & Pick<VmEntity, "host" | "image" | "imageVersion" | "jobId" | "memoryMib" | "vcpus">;

@Injectable()
export class VmStates {
  private readonly seen = new Map<string, SeenState>();
  private readonly inventory: InventoryService;
  private readonly records: VmRecords;

  constructor(inventory: InventoryService, records: VmRecords) {
    this.inventory = inventory;
    this.records = records;
  }

  /** The record beside what the host last reported. */
  view(vm: ListedVm, nowMs = Date.now()): VmView {
    const seen = this.stateOf(vm);
    const { id, name, host, image, imageVersion, jobId, memoryMib, vcpus, createdAt } = vm;
    return {
      ...{ id, name, host, image, imageVersion, jobId, memoryMib, vcpus, createdAt },
      state: seen?.state ?? "unknown",
      stateAt: seen === undefined ? null : new Date(seen.atMs).toISOString(),
      stateAgeS: ageS(seen, nowMs),
      domainId: seen?.domainId ?? null,
    };
  }

  /** What a list may be sorted by. */
  brief(vm: Stated, nowMs: number): Pick<VmView, "state" | "stateAgeS"> {
    const seen = this.stateOf(vm);
    return { state: seen?.state ?? "unknown", stateAgeS: ageS(seen, nowMs) };
  }

  forget(id: string): void {
    this.seen.delete(id);
  }

  private stateOf(vm: Stated): SeenState | undefined {
    const saw = this.inventory.sawAt(vm.hostId);
    if (saw === undefined) return undefined;
    const domain = this.inventory.domainOf(vm.hostId, vm);
    if (domain === undefined && !this.isSince(vm, saw)) return undefined;
    const reported = domain === undefined ? undefined : { state: domain.state as VmState, domainId: domain.id };
    const settled = settle(this.seen.get(vm.id), reported, {
      atMs: saw.at.getTime(),
      tickMs: this.inventory.heardAtMs(vm.hostId) ?? 0,
    });
    this.seen.set(vm.id, settled);
    return settled;
  }

  /** True when the host has looked since the VM's record was made: before that it need not have seen it. */
  private isSince(vm: Stated, { at, tickMs }: { at: Date; tickMs: number | undefined }): boolean {
    const madeMs = this.records.madeAtMs(vm.id);
    // Within the life of this process the clock, which may have been set since, has no say.
    if (madeMs !== undefined) return tickMs !== undefined && tickMs >= madeMs;
    return tickMs !== undefined || at.getTime() >= Date.parse(vm.createdAt);
  }
}

function ageS(seen: SeenState | undefined, nowMs: number): number | null {
  return seen === undefined ? null : Math.max(0, Math.round((nowMs - seen.atMs) / 1000));
}
