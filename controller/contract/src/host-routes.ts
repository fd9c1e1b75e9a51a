// Hosts, from the invitation to the removal, and how they differ from the records.
import * as z from "zod";
import * as drift from "./drift.js";
import * as host from "./host.js";
import { pageOf } from "./page.js";
import { done, type Route } from "./route.js";

export const hostRoutes = {
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
    on: "some",
    status: 200,
    query: host.hostQuery,
    response: pageOf(host.hostView),
  },
  showHost: {
    method: "GET",
    path: "/hosts/:name",
    summary: "Show a host",
    role: "viewer",
    on: "host",
    status: 200,
    response: host.hostView,
  },
  listStaged: {
    method: "GET",
    path: "/hosts/:name/staged",
    summary: "List the images that are staged on a host, as the host says now",
    role: "viewer",
    on: "host",
    status: 200,
    response: z.object({ items: z.array(host.stagedTree) }),
  },
  removeStaged: {
    method: "DELETE",
    path: "/hosts/:name/staged/:image",
    summary: "Remove an image's files from a host; the next job of it there sends them anew",
    role: "vm_admin",
    on: "host",
    status: 200,
    response: host.unstaged,
  },
  drainHost: {
    method: "POST",
    path: "/hosts/:name/drain",
    summary: "Take no new jobs on a host, or take them again",
    role: "vm_admin",
    on: "host",
    status: 200,
    body: host.drainBody,
    response: host.hostView,
  },
  removeHost: {
    method: "DELETE",
    path: "/hosts/:name",
    summary: "Remove a host: its trust ends at once",
    role: "admin",
    on: "host",
    status: 200,
    query: host.removeHostQuery,
    response: done,
  },
  listDrift: {
    method: "GET",
    path: "/drift",
    summary: "What differs between the records and what hosts report; nothing is changed by it",
    role: "viewer",
    on: "some",
    status: 200,
    query: drift.driftQuery,
    response: drift.driftPage,
  },
} as const satisfies Record<string, Route>;
