import type { EnrolmentReply } from "@convirt/contract/host";
import { routes } from "@convirt/contract/routes";
import { Body, Controller, Post, Req } from "@nestjs/common";
import type { Request } from "express";
import type { z } from "zod";
import { Refusal } from "../errors/refusal.js";
import { EnrolmentService } from "./enrolment.service.js";

@Controller()
export class EnrolmentController {
  constructor(private readonly enrolment: EnrolmentService) {}

  @Post("hosts/invitations")
  invite(
    @Body({ schema: routes.inviteHost.body }) body: z.output<typeof routes.inviteHost.body>,
    @Req() { identity }: { identity: { username: string } },
  ): Promise<z.output<typeof routes.inviteHost.response>> {
    return this.enrolment.invite(body.host, body.ttlSeconds, identity.username);
  }

  /** Over TLS alone: the invitation's secret must not be read on the way. */
  @Post("enrolment")
  enrol(
    @Body({ schema: routes.enrol.body }) body: z.output<typeof routes.enrol.body>,
    @Req() request: Request,
  ): Promise<EnrolmentReply> {
    if (!("encrypted" in request.socket)) throw new Refusal("forbidden", "Hosts enrol over HTTPS alone");
    return this.enrolment.enrol(body, request.ip ?? "");
  }
}
