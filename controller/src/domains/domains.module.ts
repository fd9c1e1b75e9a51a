import { Global, Module } from "@nestjs/common";
import { TypeOrmModule } from "@nestjs/typeorm";
import { AgentsModule } from "../agents/agents.module.js";
// biome-ignore lint/style/noRestrictedImports: the token is made for this room.
import { IMAGE_USERS } from "../images/image-users.js";
import { InventoryModule } from "../inventory/inventory.module.js";
import { DomainsController } from "./domains.controller.js";
import { DomainsService } from "./domains.service.js";
import { VmEntity } from "./vm.entity.js";
import { VmList } from "./vm-list.js";
import { VmRecords } from "./vm-records.service.js";
import { VmStates } from "./vm-states.js";

/** Global for IMAGE_USERS alone: images ask who uses them without knowing of VMs. */
@Global()
@Module({
  imports: [TypeOrmModule.forFeature([VmEntity]), AgentsModule, InventoryModule],
  controllers: [DomainsController],
  providers: [VmRecords, VmStates, VmList, DomainsService, { provide: IMAGE_USERS, useExisting: VmRecords }],
  exports: [VmRecords, DomainsService, IMAGE_USERS],
})
export class DomainsModule {}
