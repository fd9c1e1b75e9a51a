// Jobs over HTTP.
import type { CleanReply, DryRunReply, JobDetail, JobView } from "@convirt/contract/job";
import { routes } from "@convirt/contract/routes";
import { Body, Controller, Get, Headers, HttpCode, Param, Post, Query, Req, Res } from "@nestjs/common";
import type { Response } from "express";
import { DataSource } from "typeorm";
import type { z } from "zod";
import { AgentsService } from "../agents/agents.service.js";
import { Refusal } from "../errors/refusal.js";
import { OpenStreamsService, type StreamRequest } from "../events/open-streams.service.js";
import { EventStream, write } from "./event-stream.js";
import { JobList } from "./job-list.js";
import { type ListedJob, toJobDetail, toJobView } from "./job-view.js";
import { ProvisioningService, type Requester } from "./provisioning.service.js";
import { readLog } from "./stored-log.js";

/** `secretNames` is for the audit: options whose values it must not keep. */
type Asked = { identity: Requester; idempotencyKey?: string; secretNames?: ReadonlySet<string> };

@Controller("jobs")
export class ProvisioningController {
  constructor(
    private readonly provisioning: ProvisioningService,
    private readonly jobs: JobList,
    private readonly events: EventStream,
    private readonly agents: AgentsService,
    private readonly dataSource: DataSource,
    private readonly streams: OpenStreamsService,
  ) {}

  private view(job: ListedJob): JobView {
    return toJobView(job, this.agents.contactOf(job.hostId));
  }

  @Post()
  @HttpCode(202)
  async provision(
    @Body({ schema: routes.provision.body }) body: z.infer<typeof routes.provision.body>,
    @Req() request: Asked,
  ): Promise<JobView> {
    request.secretNames = await this.provisioning.secretsOf(body.image);
    return this.view(await this.provisioning.request(body, request.identity, request.idempotencyKey ?? null));
  }

  @Post("dry-run")
  @HttpCode(200)
  dryRun(
    @Body({ schema: routes.dryRun.body }) body: z.infer<typeof routes.dryRun.body>,
    @Req() request: Asked,
  ): Promise<DryRunReply> {
    return this.provisioning.dryRun(body, request.identity);
  }

  @Get()
  async list(
    @Query({ schema: routes.listJobs.query }) query: z.infer<typeof routes.listJobs.query>,
    @Req() { identity }: Asked,
  ): Promise<{ items: JobView[]; total: number; page: number; perPage: number }> {
    const { items, ...page } = await this.jobs.page(query, identity);
    return { items: items.map((job) => this.view(job)), ...page };
  }

  @Get(":id")
  async show(@Param("id") id: string): Promise<JobDetail> {
    const job = await this.provisioning.find(id);
    const told = await this.provisioning.told(job);
    return { ...toJobDetail(job, this.agents.contactOf(job.hostId)), ...told };
  }

  @Post(":id/cancel")
  @HttpCode(200)
  async cancel(@Param("id") id: string, @Req() request: Asked): Promise<z.infer<typeof routes.cancelJob.response>> {
    const { job, ...outcome } = await this.provisioning.cancel(id, request.identity);
    return { ...outcome, job: this.view(job) };
  }

  @Post(":id/clean")
  @HttpCode(200)
  async clean(@Param("id") id: string, @Req() request: Asked): Promise<CleanReply> {
    const { job, ...what } = await this.provisioning.clean(id, request.identity);
    return { ...what, job: this.view(job) };
  }

  @Post(":id/retry")
  @HttpCode(202)
  async retry(
    @Param("id") id: string,
    @Body({ schema: routes.retryJob.body }) body: z.infer<typeof routes.retryJob.body>,
    @Req() request: Asked,
  ): Promise<JobView> {
    // Nothing but secrets is given to a retry.
    request.secretNames = new Set([...Object.keys(body.imageConf), ...Object.keys(body.vmConf)]);
    return this.view(await this.provisioning.retry(id, request.identity, request.idempotencyKey ?? null, body));
  }

  /** The bytes as the host wrote them; never to be taken for a page. */
  @Get(":id/log")
  async readLog(
    @Param("id") id: string,
    @Query({ schema: routes.readLog.query }) query: z.infer<typeof routes.readLog.query>,
    @Res() response: Response,
  ): Promise<void> {
    const job = await this.provisioning.find(id);
    let left = Math.min(query.limit ?? job.logBytes, Math.max(0, job.logBytes - query.offset));
    response.status(200);
    response.set({ "Content-Type": "text/plain; charset=utf-8", "X-Content-Type-Options": "nosniff" });
    response.set({ "Content-Length": String(left), "Cache-Control": "no-store" });
    if (left > 0)
      for await (const bytes of readLog(this.dataSource.manager, id, query.offset)) {
        if (!(await write(response, bytes.subarray(0, left)))) return;
        left -= Math.min(left, bytes.length);
        if (left === 0) break;
      }
    response.end();
  }

  @Get(":id/events")
  async follow(
    @Param("id") id: string,
    @Headers("last-event-id") lastEventId: string | undefined,
    @Req() request: StreamRequest,
    @Res() response: Response,
  ): Promise<void> {
    const after = lastEventId ?? "0";
    if (!/^\d{1,15}$/.test(after))
      throw new Refusal("bad_request", "Cannot resume: Last-Event-ID must be the sequence of an event, a whole number");
    await this.provisioning.find(id);
    this.streams.enter(routes.followJob, request, response);
    await this.events.send(id, Number(after), response);
  }
}
