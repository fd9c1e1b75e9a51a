import { Module } from "@nestjs/common";
import { TypeOrmModule } from "@nestjs/typeorm";
import { AgentsModule } from "../agents/agents.module.js";
import { EnrolmentModule } from "../enrolment/enrolment.module.js";
import { InventoryModule } from "../inventory/inventory.module.js";
import { HostEntity } from "./host.entity.js";
import { HostsController } from "./hosts.controller.js";
import { HostsService } from "./hosts.service.js";

@Module({
  imports: [TypeOrmModule.forFeature([HostEntity]), AgentsModule, EnrolmentModule, InventoryModule],
  controllers: [HostsController],
  providers: [HostsService],
  exports: [HostsService],
})
export class HostsModule {}
