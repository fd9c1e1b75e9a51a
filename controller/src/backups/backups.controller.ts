import type { BackupPage, BackupView } from "@convirt/contract/backup";
import { routes } from "@convirt/contract/routes";
import { Controller, Get, HttpCode, Post, Query, Req } from "@nestjs/common";
import type { z } from "zod";
import { BackupsService } from "./backups.service.js";

@Controller("backups")
export class BackupsController {
  constructor(private readonly backups: BackupsService) {}

  @Post()
  @HttpCode(201)
  make(@Req() { identity }: { identity: { username: string } }): Promise<BackupView> {
    return this.backups.make(identity.username);
  }

  @Get()
  list(@Query({ schema: routes.listBackups.query }) query: z.output<typeof routes.listBackups.query>): BackupPage {
    return this.backups.list(query);
  }
}
