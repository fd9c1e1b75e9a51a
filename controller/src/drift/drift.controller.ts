import type { Grant } from "@convirt/contract/access";
import type { DriftPage } from "@convirt/contract/drift";
import { routes } from "@convirt/contract/routes";
import { Controller, Get, Query, Req } from "@nestjs/common";
import type { z } from "zod";
import { DriftService } from "./drift.service.js";

@Controller("drift")
export class DriftController {
  constructor(private readonly drift: DriftService) {}

  @Get()
  list(
    @Query({ schema: routes.listDrift.query }) query: z.output<typeof routes.listDrift.query>,
    @Req() { identity }: { identity: { grants: readonly Grant[] } },
  ): Promise<DriftPage> {
    return this.drift.list(query, identity);
  }
}
