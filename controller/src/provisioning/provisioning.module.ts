import { Module } from "@nestjs/common";
import { TypeOrmModule } from "@nestjs/typeorm";
import { AgentsModule } from "../agents/agents.module.js";
import { AuditModule } from "../audit/audit.module.js";
import { BackupsModule } from "../backups/backups.module.js";
import { DomainsModule } from "../domains/domains.module.js";
import { HostsModule } from "../hosts/hosts.module.js";
import { ImagesModule } from "../images/images.module.js";
import { InventoryModule } from "../inventory/inventory.module.js";
import { Dispatcher } from "./dispatcher.js";
import { EventStream } from "./event-stream.js";
import { JobEntity, JobEventEntity } from "./job.entity.js";
import { JobFeed } from "./job-feed.js";
import { JobList } from "./job-list.js";
import { JobRecorder } from "./job-recorder.js";
import { JobRun } from "./job-run.js";
import { JobStaging } from "./job-staging.js";
import { ProvisioningController } from "./provisioning.controller.js";
import { ProvisioningService } from "./provisioning.service.js";
import { RequestCheck } from "./request-check.js";
import { JobSecrets } from "./secrets.js";
import { Takeover } from "./takeover.js";

@Module({
  imports: [
    TypeOrmModule.forFeature([JobEntity, JobEventEntity]),
    AgentsModule,
    AuditModule,
    BackupsModule,
    DomainsModule,
    HostsModule,
    ImagesModule,
    InventoryModule,
  ],
  controllers: [ProvisioningController],
  providers: [
    JobFeed,
    JobList,
    JobRecorder,
    JobStaging,
    JobRun,
    JobSecrets,
    Dispatcher,
    EventStream,
    RequestCheck,
    ProvisioningService,
    Takeover,
  ],
  exports: [ProvisioningService],
})
export class ProvisioningModule {}
