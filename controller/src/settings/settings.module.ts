import { Module } from "@nestjs/common";
import { AgentsModule } from "../agents/agents.module.js";
import { SettingsController } from "./settings.controller.js";
import { SettingsService } from "./settings.service.js";

@Module({ imports: [AgentsModule], controllers: [SettingsController], providers: [SettingsService] })
export class SettingsModule {}
