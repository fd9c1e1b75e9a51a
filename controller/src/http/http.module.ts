import { Module } from "@nestjs/common";
import { TypeOrmModule } from "@nestjs/typeorm";
import { AuthModule } from "../auth/auth.module.js";
import { IdempotencyService } from "./idempotency.service.js";
import { KeptAnswerEntity } from "./kept-answer.entity.js";
import { OpenApiController } from "./openapi.js";

@Module({
  imports: [TypeOrmModule.forFeature([KeptAnswerEntity]), AuthModule],
  controllers: [OpenApiController],
  providers: [IdempotencyService],
})
export class HttpModule {}
