import { Module } from "@nestjs/common";
import { InventoryModule } from "../inventory/inventory.module.js";
import { AgentsService } from "./agents.service.js";
import { JobsService } from "./jobs.service.js";
import { RenewalService } from "./renewal.service.js";
import { StagingService } from "./staging.service.js";
import { VmsService } from "./vms.service.js";

@Module({
  imports: [InventoryModule],
  providers: [AgentsService, RenewalService, JobsService, StagingService, VmsService],
  exports: [AgentsService, JobsService, StagingService, VmsService],
})
export class AgentsModule {}
