// What the controller is set to, and by what. Settings are read once at the start and are changed in the file or the environment alone.
import * as z from "zod";
import { instant } from "./names.js";

export const settingView = z.object({
  /** As in controller.toml: `http.listen`. */
  key: z.string(),
  value: z.union([z.string(), z.number(), z.boolean()]),
  source: z.enum(["default", "file", "environment"]),
  /** The environment variable that sets it, and is stronger than the file. */
  variable: z.string(),
  means: z.string(),
});
export type SettingView = z.infer<typeof settingView>;

/** `notAfter` and `fingerprint` are null when the certificate cannot be read; `fault` says why. */
export const certificateView = z.object({
  kind: z.enum(["authority", "https", "web"]),
  subject: z.string().nullable(),
  notAfter: instant.nullable(),
  fingerprint: z.string().nullable(),
  fault: z.string().nullable(),
});
export type CertificateView = z.infer<typeof certificateView>;

export const settingsView = z.object({
  version: z.string(),
  /** The file that was read at the start; null when there was none. */
  file: z.string().nullable(),
  startedAt: instant,
  settings: z.array(settingView),
  certificates: z.array(certificateView),
  /** What this controller can with agents; what a host's agent can of it stands in the host's facts. */
  features: z.array(z.string()),
});
export type SettingsView = z.infer<typeof settingsView>;
