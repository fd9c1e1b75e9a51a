// What the controller is set to. Secrets are in files that the settings name, and these are never read here.
import { X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import type { CertificateView, SettingsView, SettingView } from "@convirt/contract/settings";
import { Inject, Injectable } from "@nestjs/common";
import * as z from "zod";
import { AgentsService } from "../agents/agents.service.js";
import { Authority } from "../config/authority.js";
import { CONFIG, type Config, configSchema, variableOf } from "../config/config.js";
import { version } from "../config/version.js";

type Kind = CertificateView["kind"];

@Injectable()
export class SettingsService {
  private readonly startedAt = new Date().toISOString();

  constructor(
    @Inject(CONFIG) private readonly config: Config,
    private readonly authority: Authority,
    private readonly agents: AgentsService,
  ) {}

  async show(): Promise<SettingsView> {
    return {
      version,
      file: this.config.origin.file,
      startedAt: this.startedAt,
      settings: this.settings(),
      certificates: await this.certificates(),
      features: [...this.agents.features],
    };
  }

  private settings(): SettingView[] {
    const values: Record<string, unknown> = { ...this.config };
    return Object.entries(configSchema.shape).flatMap(([name, schema]) => {
      if (!(schema instanceof z.ZodPrefault)) return [this.setting(name, values[name], schema)];
      const group = values[name] as Record<string, unknown>;
      const fields = Object.entries((schema.unwrap() as z.ZodObject).shape);
      return fields.map(([key, field]) => this.setting(`${name}.${key}`, group[key], field as z.ZodType));
    });
  }

  private setting(key: string, value: unknown, schema: z.ZodType): SettingView {
    return {
      key,
      value: typeof value === "number" || typeof value === "boolean" ? value : withoutPassword(String(value)),
      source: this.config.origin.given[key] ?? "default",
      variable: variableOf(key),
      means: schema.description ?? "",
    };
  }

  private async certificates(): Promise<CertificateView[]> {
    const { web, advertise } = this.config;
    const own = await this.authority.server(advertise);
    return [
      certificate("authority", () => this.authority.certificate),
      certificate("https", () => own.certificate),
      ...(web.listen === "" ? [] : [certificate("web", () => readFileSync(web.certificate_file, "utf8"))]),
    ];
  }
}

function certificate(kind: Kind, read: () => string): CertificateView {
  try {
    const { subject, validTo, fingerprint256 } = new X509Certificate(read());
    const notAfter = new Date(validTo).toISOString();
    return { kind, subject, notAfter, fingerprint: fingerprint256, fault: null };
  } catch (error) {
    const fault = error instanceof Error ? error.message : String(error);
    return { kind, subject: null, notAfter: null, fingerprint: null, fault };
  }
}

/** An address may carry a name and a password before its host. */
function withoutPassword(text: string): string {
  return text.replace(/^([a-z]+:\/\/)[^/@]*@/i, "$1");
}
