import { Module } from "@nestjs/common";
import { TypeOrmModule } from "@nestjs/typeorm";
import { AuditController } from "./audit.controller.js";
import { AuditEntity } from "./audit.entity.js";
import { AuditService } from "./audit.service.js";
import { RequestAudit } from "./request-audit.service.js";

@Module({
  imports: [TypeOrmModule.forFeature([AuditEntity])],
  controllers: [AuditController],
  providers: [AuditService, RequestAudit],
  exports: [AuditService, RequestAudit],
})
export class AuditModule {}
