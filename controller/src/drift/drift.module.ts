import { Module } from "@nestjs/common";
import { AgentsModule } from "../agents/agents.module.js";
import { BackupsModule } from "../backups/backups.module.js";
import { InventoryModule } from "../inventory/inventory.module.js";
import { DriftController } from "./drift.controller.js";
import { DriftService } from "./drift.service.js";

@Module({
  imports: [AgentsModule, InventoryModule, BackupsModule],
  controllers: [DriftController],
  providers: [DriftService],
})
export class DriftModule {}
