import { Global, Module } from "@nestjs/common";
import { AccessModule } from "../access/access.module.js";
import { AuthModule } from "../auth/auth.module.js";
import { EventsController } from "./events.controller.js";
import { EventsService } from "./events.service.js";
import { OpenStreamsService } from "./open-streams.service.js";

/** Global: whoever changes a thing may say so. */
@Global()
@Module({
  imports: [AuthModule, AccessModule],
  controllers: [EventsController],
  providers: [EventsService, OpenStreamsService],
  exports: [EventsService, OpenStreamsService],
})
export class EventsModule {}
