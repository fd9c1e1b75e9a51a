import { Module } from "@nestjs/common";
import { TypeOrmModule } from "@nestjs/typeorm";
import { AccessController } from "./access.controller.js";
import { AccessService } from "./access.service.js";
import { AccessChangesService } from "./access-changes.service.js";
import { GrantEntity, TagEntity } from "./grant.entity.js";

@Module({
  imports: [TypeOrmModule.forFeature([GrantEntity, TagEntity])],
  controllers: [AccessController],
  providers: [AccessService, AccessChangesService],
  exports: [AccessService, AccessChangesService],
})
export class AccessModule {}
