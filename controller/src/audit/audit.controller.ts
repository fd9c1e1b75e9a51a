import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { AuditVerified, AuditView } from "@convirt/contract/audit";
import { routes } from "@convirt/contract/routes";
import { Controller, Get, Param, Query, Res } from "@nestjs/common";
import type { Response } from "express";
import type { z } from "zod";
import { AuditService } from "./audit.service.js";

@Controller("audit")
export class AuditController {
  constructor(private readonly audit: AuditService) {}

  @Get()
  list(
    @Query({ schema: routes.listAudit.query }) query: z.output<typeof routes.listAudit.query>,
  ): Promise<z.output<typeof routes.listAudit.response>> {
    return this.audit.list(query);
  }

  @Get("verify")
  verify(): Promise<AuditVerified> {
    return this.audit.verify();
  }

  @Get("export")
  async export(@Res() response: Response): Promise<void> {
    response.status(200);
    response.set({
      "Content-Type": "application/x-ndjson",
      "Content-Disposition": 'attachment; filename="audit.jsonl"',
    });
    await pipeline(Readable.from(lines(this.audit.all())), response).catch((error: NodeJS.ErrnoException) => {
      // Who has gone away wants no more of it.
      if (error.code !== "ERR_STREAM_PREMATURE_CLOSE") throw error;
    });
  }

  @Get(":number")
  show(@Param("number") number: string): Promise<AuditView> {
    return this.audit.show(number);
  }
}

async function* lines(records: AsyncIterable<AuditView>): AsyncGenerator<string> {
  for await (const record of records) yield `${JSON.stringify(record)}\n`;
}
