// What is served beside the API: is it alive, is it ready, and its figures for Prometheus.
import { type Grant, may } from "@convirt/contract/access";
import type { Express, Request, Response } from "express";
import { collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";
import type { DataSource } from "typeorm";
import { Refusal } from "../errors/refusal.js";

/** Figures that rooms count by themselves. */
interface Counted {
  hostsInContact: number;
  contactsRegained: number;
  contactsLost: number;
  logFaults: number;
  openStreams: number;
  backupFailures: number;
  /** RFC 3339. */
  lastBackup: string | undefined;
  lastBackupFailure: string | undefined;
}

interface Sources {
  dataSource: DataSource;
  counted: () => Counted;
  identify: (request: Request) => Promise<{ grants: readonly Grant[] } | undefined>;
}

const counts: readonly [string, string, (counted: Counted) => number][] = [
  ["convirt_hosts_in_contact", "Hosts in contact", (counted) => counted.hostsInContact],
  ["convirt_host_contacts_total", "Contacts with hosts gained, also again", (counted) => counted.contactsRegained],
  ["convirt_host_contacts_lost_total", "Contacts with hosts lost", (counted) => counted.contactsLost],
  ["convirt_job_log_faults_total", "Logs that differ from their host's", (counted) => counted.logFaults],
  ["convirt_event_streams", "Streams of events that are open", (counted) => counted.openStreams],
  ["convirt_backup_failures_total", "Copies of the database that failed", (counted) => counted.backupFailures],
  ["convirt_backup_last_success_seconds", "When the last copy was taken; 0: none", (counted) => at(counted.lastBackup)],
  ["convirt_backup_last_failure_seconds", "When one failed; 0: none", (counted) => at(counted.lastBackupFailure)],
];

/** Seconds since 1970. */
function at(instant: string | undefined): number {
  return instant === undefined ? 0 : Date.parse(instant) / 1000;
}

export function serveFigures(app: Express, sources: Sources): void {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const requests = new Histogram({
    name: "convirt_http_request_seconds",
    help: "Seconds that requests took",
    labelNames: ["method", "status"],
    registers: [registry],
  });
  const jobs = new Gauge({
    name: "convirt_jobs",
    help: "Provision jobs by status",
    labelNames: ["status"],
    registers: [registry],
  });
  for (const [name, help, value] of counts) {
    new Gauge({
      name,
      help,
      registers: [registry],
      collect() {
        this.set(value(sources.counted()));
      },
    });
  }
  app.use((request, response, next) => {
    const end = requests.startTimer({ method: request.method });
    response.once("finish", () => end({ status: String(response.statusCode) }));
    next();
  });
  app.get("/healthz", (_request, response) => void response.type("text").send("ok\n"));
  app.get("/readyz", (_request, response) => void ready(sources.dataSource, response));
  app.get("/metrics", (request, response, next) => {
    metrics(request, response, { registry, jobs, ...sources }).catch(next);
  });
}

async function ready(dataSource: DataSource, response: Response): Promise<void> {
  try {
    await dataSource.query("SELECT 1");
    response.type("text").send("ready\n");
  } catch {
    response.status(503).type("text").send("the database does not answer\n");
  }
}

/** For this machine, and for admins: figures of use are nobody else's. What came through a proxy is not from this machine. */
async function metrics(
  request: Request,
  response: Response,
  { registry, jobs, dataSource, identify }: Sources & { registry: Registry; jobs: Gauge },
): Promise<void> {
  const direct = request.headers["x-forwarded-for"] === undefined && request.headers["forwarded"] === undefined;
  const local = direct && /^(::1$|::ffff:127\.|127\.)/.test(request.socket.remoteAddress ?? "");
  if (!local && !may((await identify(request))?.grants ?? [], "admin", "everything"))
    throw new Refusal("forbidden", "Figures are for this machine alone, or for an admin's API token");
  jobs.reset();
  const rows = (await dataSource.query("SELECT status, COUNT(*) AS count FROM jobs GROUP BY status")) as {
    status: string;
    count: number;
  }[];
  for (const { status, count } of rows) jobs.set({ status }, count);
  response.type(registry.contentType).send(await registry.metrics());
}
