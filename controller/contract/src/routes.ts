// The table of all routes of the HTTP API: path, who may, what goes in and what comes out. The controller's guard reads the role from it and denies
// what is not in it, the OpenAPI document is made from it, the command line and the web UI type their requests by it.
// Paths are relative to /api/v1, parameters as `:name`. `stream` marks an answer or a body that is not JSON.
import { z } from "zod";
import * as backup from "./backup.js";
import * as drift from "./drift.js";
import * as host from "./host.js";
import * as image from "./image.js";
import * as job from "./job.js";
import { pageOf } from "./page.js";
import * as session from "./session.js";
import * as vm from "./vm.js";

export interface Route {
  method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  path: string;
  summary: string;
  /** The least role that may; `anyone` needs no sign-in, `signed_in` any role. */
  role: session.Role | "anyone" | "signed_in";
  status: number;
  query?: z.ZodType;
  body?: z.ZodType;
  /** The media type of a body that is streamed and not parsed. */
  bodyStream?: string;
  response?: z.ZodType;
  responseStream?: string;
}

const done = z.object({ ok: z.literal(true) });

export const routes = {
  signIn: {
    method: "POST",
    path: "/session",
    summary: "Sign in; sets the session cookie",
    role: "anyone",
    status: 200,
    body: session.signInBody,
    response: session.sessionView,
  },
  showSession: {
    method: "GET",
    path: "/session",
    summary: "Who am I",
    role: "signed_in",
    status: 200,
    response: session.sessionView,
  },
  signOut: { method: "DELETE", path: "/session", summary: "Sign out", role: "signed_in", status: 200, response: done },
  listUsers: {
    method: "GET",
    path: "/users",
    summary: "List users",
    role: "admin",
    status: 200,
    query: session.userQuery,
    response: pageOf(session.userView),
  },
  createUser: {
    method: "POST",
    path: "/users",
    summary: "Create a user",
    role: "admin",
    status: 201,
    body: session.createUserBody,
    response: session.userView,
  },
  changeUser: {
    method: "PATCH",
    path: "/users/:username",
    summary: "Change a user's password or role",
    role: "admin",
    status: 200,
    body: session.changeUserBody,
    response: session.userView,
  },
  removeUser: {
    method: "DELETE",
    path: "/users/:username",
    summary: "Remove a user",
    role: "admin",
    status: 200,
    response: done,
  },
  listTokens: {
    method: "GET",
    path: "/tokens",
    summary: "List API tokens (one's own; an admin sees all)",
    role: "signed_in",
    status: 200,
    query: session.tokenQuery,
    response: pageOf(session.tokenView),
  },
  createToken: {
    method: "POST",
    path: "/tokens",
    summary: "Create an API token, at most of one's own role",
    role: "signed_in",
    status: 201,
    body: session.createTokenBody,
    response: session.createdToken,
  },
  revokeToken: {
    method: "DELETE",
    path: "/tokens/:id",
    summary: "Revoke an API token",
    role: "signed_in",
    status: 200,
    response: done,
  },

  inviteHost: {
    method: "POST",
    path: "/hosts/invitations",
    summary: "Invite a host",
    role: "admin",
    status: 201,
    body: host.inviteBody,
    response: host.invitationView,
  },
  enrol: {
    method: "POST",
    path: "/enrolment",
    summary: "A host enters by its invitation (the agent calls this, over TLS)",
    role: "anyone",
    status: 201,
    body: host.enrolmentBody,
    response: host.enrolmentReply,
  },
  listHosts: {
    method: "GET",
    path: "/hosts",
    summary: "List hosts",
    role: "viewer",
    status: 200,
    query: host.hostQuery,
    response: pageOf(host.hostView),
  },
  showHost: {
    method: "GET",
    path: "/hosts/:name",
    summary: "Show a host",
    role: "viewer",
    status: 200,
    response: host.hostView,
  },
  drainHost: {
    method: "POST",
    path: "/hosts/:name/drain",
    summary: "Take no new jobs on a host, or take them again",
    role: "operator",
    status: 200,
    body: host.drainBody,
    response: host.hostView,
  },
  removeHost: {
    method: "DELETE",
    path: "/hosts/:name",
    summary: "Remove a host: its trust ends at once",
    role: "admin",
    status: 200,
    query: host.removeHostQuery,
    response: done,
  },

  listImages: {
    method: "GET",
    path: "/images",
    summary: "List images, rejected ones with the reason",
    role: "viewer",
    status: 200,
    query: image.imageQuery,
    response: pageOf(image.imageSummary),
  },
  scanImages: {
    method: "POST",
    path: "/images/scan",
    summary: "Read the image store again",
    role: "operator",
    status: 200,
    response: image.scanReply,
  },
  importImage: {
    method: "POST",
    path: "/images/import",
    summary: "Import an image from a tar, tar.gz or tar.zst",
    role: "admin",
    status: 201,
    query: image.importQuery,
    bodyStream: "application/octet-stream",
    response: image.imageView,
  },
  showImage: {
    method: "GET",
    path: "/images/:name",
    summary: "Show an image",
    role: "viewer",
    status: 200,
    response: image.imageView,
  },
  createLike: {
    method: "POST",
    path: "/images/:name/create-like",
    summary: "Make a new image like this one",
    role: "admin",
    status: 201,
    body: image.createLikeBody,
    response: image.imageView,
  },
  editOptions: {
    method: "PATCH",
    path: "/images/:name/options",
    summary: "Set options in the image's files, comments kept",
    role: "admin",
    status: 200,
    body: image.editOptionsBody,
    response: image.imageView,
  },
  readFile: {
    method: "GET",
    path: "/images/:name/files/*path",
    summary: "Read a file of an image",
    role: "viewer",
    status: 200,
    response: image.fileView,
  },
  saveFile: {
    method: "PUT",
    path: "/images/:name/files/*path",
    summary: "Save a file of an image, linted first",
    role: "admin",
    status: 200,
    body: image.saveFileBody,
    response: image.savedFile,
  },
  exportImage: {
    method: "GET",
    path: "/images/:name/export",
    summary: "Export an image",
    role: "operator",
    status: 200,
    query: image.exportQuery,
    responseStream: "application/*",
  },
  removeImage: {
    method: "DELETE",
    path: "/images/:name",
    summary: "Remove an image",
    role: "admin",
    status: 200,
    query: image.removeImageQuery,
    response: done,
  },

  provision: {
    method: "POST",
    path: "/jobs",
    summary: "Provision a VM: checks, then queues a job",
    role: "operator",
    status: 202,
    body: job.provisionBody,
    response: job.jobView,
  },
  dryRun: {
    method: "POST",
    path: "/jobs/dry-run",
    summary: "What provisioning would do; writes nothing anywhere",
    role: "operator",
    status: 200,
    body: job.provisionBody,
    response: job.dryRunReply,
  },
  listJobs: {
    method: "GET",
    path: "/jobs",
    summary: "List jobs",
    role: "viewer",
    status: 200,
    query: job.jobQuery,
    response: pageOf(job.jobView),
  },
  showJob: {
    method: "GET",
    path: "/jobs/:id",
    summary: "Show a job",
    role: "viewer",
    status: 200,
    response: job.jobDetail,
  },
  cancelJob: {
    method: "POST",
    path: "/jobs/:id/cancel",
    summary: "Cancel a job",
    role: "operator",
    status: 200,
    response: job.cancelReply,
  },
  cleanJob: {
    method: "POST",
    path: "/jobs/:id/clean",
    summary: "Clean what a job that did not succeed left on its host; never what was there before it",
    role: "operator",
    status: 200,
    response: job.cleanReply,
  },
  retryJob: {
    method: "POST",
    path: "/jobs/:id/retry",
    summary: "A new job with the same request",
    role: "operator",
    status: 202,
    response: job.jobView,
  },
  readLog: {
    method: "GET",
    path: "/jobs/:id/log",
    summary: "The log's bytes",
    role: "viewer",
    status: 200,
    query: job.logQuery,
    responseStream: "text/plain",
  },
  followJob: {
    method: "GET",
    path: "/jobs/:id/events",
    summary: "The job's events, live (SSE; resumes by Last-Event-ID)",
    role: "viewer",
    status: 200,
    responseStream: "text/event-stream",
  },

  listVms: {
    method: "GET",
    path: "/vms",
    summary: "List VMs",
    role: "viewer",
    status: 200,
    query: vm.vmQuery,
    response: pageOf(vm.vmView),
  },
  showVm: {
    method: "GET",
    path: "/vms/:id",
    summary: "Show a VM, by id or name",
    role: "viewer",
    status: 200,
    response: vm.vmDetail,
  },
  startVm: {
    method: "POST",
    path: "/vms/:id/start",
    summary: "Start a VM",
    role: "operator",
    status: 200,
    response: vm.vmActionReply,
  },
  shutdownVm: {
    method: "POST",
    path: "/vms/:id/shutdown",
    summary: "Ask a VM to shut down",
    role: "operator",
    status: 200,
    response: vm.vmActionReply,
  },
  destroyVm: {
    method: "POST",
    path: "/vms/:id/destroy",
    summary: "Stop a VM at once",
    role: "operator",
    status: 200,
    response: vm.vmActionReply,
  },
  removeVm: {
    method: "DELETE",
    path: "/vms/:id",
    summary: "Remove a VM, with or without its disks",
    role: "operator",
    status: 200,
    query: vm.removeVmQuery,
    response: vm.removeVmReply,
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

  listDrift: {
    method: "GET",
    path: "/drift",
    summary: "What differs between the records and what hosts report; nothing is changed by it",
    role: "viewer",
    status: 200,
    query: drift.driftQuery,
    response: drift.driftPage,
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

export type RouteName = keyof typeof routes;
