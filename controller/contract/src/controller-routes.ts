// The controller itself: its audit, settings and copies, and what tells of all of it.
import * as z from "zod";
import * as audit from "./audit.js";
import * as backup from "./backup.js";
import { pageOf } from "./page.js";
import type { Route } from "./route.js";
import { settingsView } from "./settings.js";

export const controllerRoutes = {
  listAudit: {
    method: "GET",
    path: "/audit",
    summary: "List what was asked, by whom, and what came of it",
    role: "admin",
    status: 200,
    query: audit.auditQuery,
    response: pageOf(audit.auditView),
  },
  verifyAudit: {
    method: "GET",
    path: "/audit/verify",
    summary: "Compute the chain of hashes again, from the first record to the last",
    role: "admin",
    status: 200,
    response: audit.auditVerified,
  },
  exportAudit: {
    method: "GET",
    path: "/audit/export",
    summary: "All records, one JSON object a line, oldest first",
    role: "admin",
    audited: true,
    status: 200,
    responseStream: "application/x-ndjson",
  },
  showAudit: {
    method: "GET",
    path: "/audit/:number",
    summary: "Show a record of the audit",
    role: "admin",
    status: 200,
    response: audit.auditView,
  },
  showSettings: {
    method: "GET",
    path: "/settings",
    summary: "Show what the controller is set to, and by what; its certificates and its version",
    role: "admin",
    status: 200,
    response: settingsView,
  },
  makeBackup: {
    method: "POST",
    path: "/backups",
    summary: "Copy the database now, and verify the copy",
    role: "admin",
    status: 201,
    response: backup.backupView,
  },
  listBackups: {
    method: "GET",
    path: "/backups",
    summary: "List the copies of the database that are kept",
    role: "admin",
    status: 200,
    query: backup.backupQuery,
    response: backup.backupPage,
  },
  followAll: {
    method: "GET",
    path: "/events",
    summary: "What is another now: jobs, VMs, hosts, images (SSE)",
    role: "viewer",
    on: "some",
    status: 200,
    responseStream: "text/event-stream",
  },
  openapi: {
    method: "GET",
    path: "/openapi.json",
    summary: "This document",
    role: "anyone",
    status: 200,
    response: z.record(z.string(), z.json()),
  },
} as const satisfies Record<string, Route>;
