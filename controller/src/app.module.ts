import { type DynamicModule, Module } from "@nestjs/common";
import { AccessModule } from "./access/access.module.js";
import { AgentsModule } from "./agents/agents.module.js";
import { AuditModule } from "./audit/audit.module.js";
import { AuthModule } from "./auth/auth.module.js";
import { BackupsModule } from "./backups/backups.module.js";
import type { Authority } from "./config/authority.js";
import { AuthorityModule } from "./config/authority.module.js";
import type { Config } from "./config/config.js";
import { ConfigModule } from "./config/config.module.js";
import { DatabaseModule } from "./database/database.module.js";
import { DomainsModule } from "./domains/domains.module.js";
import { DriftModule } from "./drift/drift.module.js";
import { EnrolmentModule } from "./enrolment/enrolment.module.js";
import { EventsModule } from "./events/events.module.js";
import { HostsModule } from "./hosts/hosts.module.js";
import { HttpModule } from "./http/http.module.js";
import { ImagesModule } from "./images/images.module.js";
import { ImageSettingsModule } from "./images/settings.module.js";
import { InventoryModule } from "./inventory/inventory.module.js";
import { ImageJobsModule } from "./provisioning/image-jobs.module.js";
import { ProvisioningModule } from "./provisioning/provisioning.module.js";
import { SettingsModule } from "./settings/settings.module.js";

@Module({})
export class AppModule {
  /** `database`: a file, or `:memory:`. */
  static of(config: Config, authority: Authority, database: string): DynamicModule {
    return {
      module: AppModule,
      imports: [
        ConfigModule.of(config),
        AuthorityModule.of(authority),
        DatabaseModule.at(database),
        AccessModule,
        AuditModule,
        AuthModule,
        EventsModule,
        HttpModule,
        InventoryModule,
        AgentsModule,
        EnrolmentModule,
        HostsModule,
        ImageSettingsModule,
        ImagesModule,
        DomainsModule,
        ImageJobsModule,
        ProvisioningModule,
        BackupsModule,
        DriftModule,
        SettingsModule,
      ],
    };
  }
}
