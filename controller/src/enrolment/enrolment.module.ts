import { Module } from "@nestjs/common";
import { TypeOrmModule } from "@nestjs/typeorm";
import { AgentsModule } from "../agents/agents.module.js";
import { EnrolmentController } from "./enrolment.controller.js";
import { EnrolmentService } from "./enrolment.service.js";
import { InvitationEntity } from "./invitation.entity.js";

@Module({
  imports: [TypeOrmModule.forFeature([InvitationEntity]), AgentsModule],
  controllers: [EnrolmentController],
  providers: [EnrolmentService],
  exports: [EnrolmentService],
})
export class EnrolmentModule {}
