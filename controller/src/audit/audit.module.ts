import { Module } from "@nestjs/common";
import { TypeOrmModule } from "@nestjs/typeorm";
import { AuditController } from "./audit.controller.js";
import { AuditAnchorEntity, AuditEntity } from "./audit.entity.js";
import { AuditService } from "./audit.service.js";
import { RequestAudit } from "./request-audit.service.js";
import { AuditRetention } from "./retention.service.js";

@Module({
  imports: [TypeOrmModule.forFeature([AuditAnchorEntity, AuditEntity])],
  controllers: [AuditController],
  providers: [AuditService, AuditRetention, RequestAudit],
  exports: [AuditService, RequestAudit],
})
export class AuditModule {}
