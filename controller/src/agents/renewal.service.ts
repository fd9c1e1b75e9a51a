// Renews certificates before they end, over the links that the old ones made: those of hosts when a third of their life is left, looked at every hour and
// whenever a host comes into contact. While it is not known whether a host has its new certificate, both are accepted.

import { Metadata } from "@grpc/grpc-js";
import { Injectable, Logger, type OnApplicationBootstrap, type OnApplicationShutdown } from "@nestjs/common";
import { type ScheduledTask, schedule } from "node-cron";
import { Authority, hostDays } from "../config/authority.js";
import { AgentsService } from "./agents.service.js";
import { unary } from "./unary.js";

const renewBelowMs = (hostDays * 86_400_000) / 3;

@Injectable()
export class RenewalService implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly log = new Logger("agents");
  private readonly underWay = new Map<string, Promise<void>>();
  private task: ScheduledTask | undefined;
  private stopListening: () => void = () => undefined;

  constructor(
    private readonly agents: AgentsService,
    private readonly authority: Authority,
  ) {}

  onApplicationBootstrap(): void {
    this.stopListening = this.agents.onContact((_hostId, inContact) => {
      if (inContact) void this.renewDue();
    });
    this.task = schedule("23 * * * *", async () => {
      await this.agents
        .refreshIdentity()
        .catch((error: unknown) =>
          this.log.error({ msg: "Cannot renew the controller's own certificate", err: error }),
        );
      await this.renewDue();
    });
  }

  async onApplicationShutdown(): Promise<void> {
    this.stopListening();
    await this.task?.destroy();
  }

  /** Renews what is due. A host that cannot take a new certificate keeps its old one, and is asked again in an hour. */
  async renewDue(): Promise<void> {
    const due = this.agents.endingWithin(renewBelowMs);
    await Promise.all(
      due.map((hostId) =>
        this.renew(hostId).catch((error: unknown) =>
          this.log.error({
            msg: "Cannot renew the certificate of a host; trying again in an hour",
            hostId,
            err: error,
          }),
        ),
      ),
    );
  }

  /** One renewal of a host at a time: whoever asks for a second has the first. */
  private renew(hostId: string): Promise<void> {
    const running = this.underWay.get(hostId);
    if (running !== undefined) return running;
    const renewal = this.exchange(hostId).finally(() => this.underWay.delete(hostId));
    this.underWay.set(hostId, renewal);
    return renewal;
  }

  private async exchange(hostId: string): Promise<void> {
    const client = this.agents.connection(hostId).host;
    const old = this.agents.shownBy(hostId);
    const { signingRequestPem } = await unary<{ signingRequestPem: string }>((options, done) =>
      client.beginRenewal({}, new Metadata(), options, done),
    );
    const signed = await this.authority.signHost(signingRequestPem, hostId);
    await this.agents.trust(hostId, [old, signed.fingerprint]);
    await unary<object>((options, done) =>
      client.completeRenewal({ certificatePem: signed.certificate }, new Metadata(), options, done),
    );
    await this.agents.trust(hostId, [signed.fingerprint], signed.notAfter);
    this.log.log({ msg: "certificate renewed", hostId, notAfter: signed.notAfter });
  }
}
