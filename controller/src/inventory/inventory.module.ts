import { Module } from "@nestjs/common";
import { TypeOrmModule } from "@nestjs/typeorm";
import { HostEntity } from "../hosts/host.entity.js";
import { InventoryService } from "./inventory.service.js";

@Module({
  imports: [TypeOrmModule.forFeature([HostEntity])],
  providers: [InventoryService],
  exports: [InventoryService],
})
export class InventoryModule {}
