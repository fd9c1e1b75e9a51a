// VMs in pages. What is stored is filtered, sorted and cut by the database, from an index alone; only what is shown is read. States are not stored: a list that goes by
// them reads four short columns of every VM that it may show, and no more.
import { type Grant, sees } from "@convirt/contract/access";
import type { VmView, vmQuery } from "@convirt/contract/vm";
import { Injectable } from "@nestjs/common";
import { InjectRepository } from "@nestjs/typeorm";
import { type FindOptionsWhere, In, Repository, type SelectQueryBuilder } from "typeorm";
import type { z } from "zod";
import { hostsSeen } from "../access/access.service.js";
import { holding, orderOf, sortBy } from "../database/paging.js";
import { VmEntity } from "./vm.entity.js";
import { type Stated, VmStates } from "./vm-states.js";

type Filter = z.infer<typeof vmQuery>;
type Reader = { grants: readonly Grant[] };

const stored = ["name", "host", "image", "memoryMib", "vcpus", "createdAt"] as const;
const reported = ["state", "stateAgeS"] as const;
const listedColumns = {
  ...{ id: true, name: true, hostId: true, host: true, image: true, imageVersion: true, jobId: true },
  ...{ memoryMib: true, vcpus: true, createdAt: true },
} as const;

@Injectable()
export class VmList {
  private readonly vms: Repository<VmEntity>;
  private readonly states: VmStates;

  constructor(@InjectRepository(VmEntity) vms: Repository<VmEntity>, states: VmStates) {
    this.vms = vms;
    this.states = states;
  }

  /** Those on hosts that the reader sees. */
  async page(
    filter: Filter,
    reader: Reader,
  ): Promise<{ items: VmView[]; total: number; page: number; perPage: number }> {
    const { page, perPage, sort = "name" } = filter;
    const { field } = orderOf(sort, [...stored, ...reported]);
    const isReported = reported.some((one) => one === field);
    const query = this.vms.createQueryBuilder("vm").where(where(filter, reader));
    // Of those that are alike in what is reported, by name.
    sortByStored(query, isReported ? "name" : sort);
    const { ids, total } =
      isReported || filter.state !== undefined
        ? await this.byState(query, filter, isReported ? sort : undefined)
        : await byRecord(query, filter);
    const rows = await this.vms.find({ select: listedColumns, where: { id: In(ids) } });
    const byId = new Map(rows.map((vm) => [vm.id, vm]));
    const now = Date.now();
    const shown = ids.flatMap((id) => byId.get(id) ?? []);
    return { items: shown.map((vm) => this.states.view(vm, now)), total, page, perPage };
  }

  private async byState(
    query: SelectQueryBuilder<VmEntity>,
    { state, page, perPage }: Filter,
    sort: string | undefined,
  ): Promise<{ ids: string[]; total: number }> {
    const rows = await query
      .select("vm.id", "id")
      .addSelect("vm.name", "name")
      .addSelect("vm.hostId", "hostId")
      .addSelect("vm.createdAt", "createdAt")
      .getRawMany<Stated>();
    const nowMs = Date.now();
    const all = rows.map((vm) => ({ id: vm.id, ...this.states.brief(vm, nowMs) }));
    const wanted = state === undefined ? all : all.filter((one) => one.state === state);
    const sorted = sort === undefined ? wanted : sortBy(wanted, sort, reported);
    return { ids: sorted.slice((page - 1) * perPage, page * perPage).map(({ id }) => id), total: wanted.length };
  }
}

async function byRecord(
  query: SelectQueryBuilder<VmEntity>,
  { page, perPage }: Filter,
): Promise<{ ids: string[]; total: number }> {
  const total = await query.getCount();
  const rows = await query
    .select("vm.id", "id")
    .offset((page - 1) * perPage)
    .limit(perPage)
    .getRawMany<{ id: string }>();
  return { ids: rows.map(({ id }) => id), total };
}

function sortByStored(query: SelectQueryBuilder<VmEntity>, sort: string): void {
  const { field, direction, nulls } = orderOf(sort, stored);
  query.orderBy(`vm.${field}`, direction, nulls);
  if (field !== "name") query.addOrderBy("vm.name", direction);
}

function where({ host, image, name }: Filter, reader: Reader): FindOptionsWhere<VmEntity>[] {
  const wanted: FindOptionsWhere<VmEntity> = {};
  if (image !== undefined) wanted.image = image;
  if (name !== undefined) wanted.name = holding(name);
  if (host !== undefined) return [{ ...wanted, host: sees(reader, "host", host) ? host : In([]) }];
  return hostsSeen(reader)?.map((one) => ({ ...wanted, host: one })) ?? [wanted];
}
