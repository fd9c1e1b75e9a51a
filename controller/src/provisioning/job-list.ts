// Jobs in pages. Which ones are of a page the indices alone say; only their rows are read, and of these what a list shows.
import { sees } from "@convirt/contract/access";
import type { jobQuery } from "@convirt/contract/job";
import { Injectable } from "@nestjs/common";
import { DataSource, type FindOptionsWhere, In } from "typeorm";
import type { z } from "zod";
import { hostsSeen } from "../access/access.service.js";
import { orderOf } from "../database/paging.js";
import { JobEntity } from "./job.entity.js";
import { type ListedJob, listedColumns } from "./job-view.js";
import type { Requester } from "./provisioning.service.js";

const sortable = ["createdAt", "startedAt", "endedAt", "status", "image", "host", "vm", "requestedBy"] as const;

@Injectable()
export class JobList {
  constructor(private readonly dataSource: DataSource) {}

  /** Those on hosts that the requester sees. */
  async page(
    query: z.infer<typeof jobQuery>,
    by: Pick<Requester, "grants">,
  ): Promise<{ items: ListedJob[]; total: number; page: number; perPage: number }> {
    const { page, perPage, sort = "-createdAt" } = query;
    const { field, direction, nulls } = orderOf(sort, sortable);
    const { manager } = this.dataSource;
    const builder = manager.createQueryBuilder(JobEntity, "job").select("job.number", "number").where(where(query, by));
    const total = await builder.getCount();
    // In the order in which they were made, whatever the clock said.
    if (field !== "createdAt") builder.orderBy(`job.${field}`, direction, nulls);
    const rows = await builder
      .addOrderBy("job.number", direction)
      .offset((page - 1) * perPage)
      .limit(perPage)
      .getRawMany<{ number: number }>();
    const numbers = rows.map(({ number }) => number);
    const jobs = await manager.find(JobEntity, { select: listedColumns, where: { number: In(numbers) } });
    const byNumber = new Map(jobs.map((job) => [job.number, job]));
    return { items: numbers.flatMap((number) => byNumber.get(number) ?? []), total, page, perPage };
  }
}

function where(
  { status, image, vm, host }: z.infer<typeof jobQuery>,
  by: Pick<Requester, "grants">,
): FindOptionsWhere<JobEntity>[] {
  const wanted: FindOptionsWhere<JobEntity> = {};
  if (status !== undefined) wanted.status = status;
  if (image !== undefined) wanted.image = image;
  if (vm !== undefined) wanted.vm = vm;
  if (host !== undefined) return [{ ...wanted, host: sees(by, "host", host) ? host : In([]) }];
  return hostsSeen(by)?.map((one) => ({ ...wanted, host: one })) ?? [wanted];
}
