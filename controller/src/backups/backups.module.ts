import { Module } from "@nestjs/common";
import { TypeOrmModule } from "@nestjs/typeorm";
import { JobEntity } from "../provisioning/job.entity.js";
import { BackupsController } from "./backups.controller.js";
import { BackupsService } from "./backups.service.js";
import { RestoreEntity } from "./restore.entity.js";
import { RestoreService } from "./restore.service.js";

@Module({
  imports: [TypeOrmModule.forFeature([RestoreEntity, JobEntity])],
  controllers: [BackupsController],
  providers: [BackupsService, RestoreService],
  exports: [BackupsService, RestoreService],
})
export class BackupsModule {}
