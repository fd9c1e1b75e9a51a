import { Module } from "@nestjs/common";
import { TypeOrmModule } from "@nestjs/typeorm";
import { AgentsModule } from "../agents/agents.module.js";
import { InventoryModule } from "../inventory/inventory.module.js";
import { HostEntity, InvitationEntity } from "./host.entity.js";
import { HostsController } from "./hosts.controller.js";
import { HostsService } from "./hosts.service.js";

@Module({
  imports: [TypeOrmModule.forFeature([HostEntity, InvitationEntity]), AgentsModule, InventoryModule],
  controllers: [HostsController],
  providers: [HostsService],
  exports: [HostsService],
})
export class HostsModule {}
