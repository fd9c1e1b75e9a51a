import { Module } from "@nestjs/common";
import { TypeOrmModule } from "@nestjs/typeorm";
import { AgentsModule } from "../agents/agents.module.js";
import { DomainsModule } from "../domains/domains.module.js";
import { HostsModule } from "../hosts/hosts.module.js";
import { ImagesModule } from "../images/images.module.js";
import { InventoryModule } from "../inventory/inventory.module.js";
import { Dispatcher } from "./dispatcher.js";
import { EventStream } from "./event-stream.js";
import { JobEntity, JobEventEntity } from "./job.entity.js";
import { JobFeed } from "./job-feed.js";
import { JobRecorder } from "./job-recorder.js";
import { JobRun } from "./job-run.js";
import { ProvisioningController } from "./provisioning.controller.js";
import { ProvisioningService } from "./provisioning.service.js";
import { RequestCheck } from "./request-check.js";

@Module({
  imports: [
    TypeOrmModule.forFeature([JobEntity, JobEventEntity]),
    AgentsModule,
    DomainsModule,
    HostsModule,
    ImagesModule,
    InventoryModule,
  ],
  controllers: [ProvisioningController],
  providers: [JobFeed, JobRecorder, JobRun, Dispatcher, EventStream, RequestCheck, ProvisioningService],
  exports: [ProvisioningService],
})
export class ProvisioningModule {}
