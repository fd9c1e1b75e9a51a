import type { SettingsView } from "@convirt/contract/settings";
import { Controller, Get } from "@nestjs/common";
import { SettingsService } from "./settings.service.js";

@Controller("settings")
export class SettingsController {
  constructor(private readonly settings: SettingsService) {}

  @Get()
  show(): Promise<SettingsView> {
    return this.settings.show();
  }
}
