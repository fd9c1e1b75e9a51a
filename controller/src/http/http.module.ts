import { Module } from "@nestjs/common";
import { TypeOrmModule } from "@nestjs/typeorm";
import { KeptAnswerEntity } from "./kept-answer.entity.js";
import { OpenApiController } from "./openapi.js";

@Module({ imports: [TypeOrmModule.forFeature([KeptAnswerEntity])], controllers: [OpenApiController] })
export class HttpModule {}
