// What every request meets before and behind its handler: headers that keep a browser in bounds, the figures, the body's parsing, the idempotency key; our
// filter and validation; and an answer in the contract's shape for paths that nobody serves.
import { StandardSchemaValidationPipe } from "@nestjs/common";
import type { NestExpressApplication } from "@nestjs/platform-express";
import type { Express, NextFunction, Request, Response } from "express";
import helmet from "helmet";
import { DataSource } from "typeorm";
import { AgentsService } from "../agents/agents.service.js";
import { RequestAudit } from "../audit/request-audit.service.js";
import { AuthService } from "../auth/auth.service.js";
import { BackupsService } from "../backups/backups.service.js";
import { apiPrefix } from "../config/api.js";
import { ErrorFilter, invalidBody } from "../errors/error.filter.js";
import { Refusal } from "../errors/refusal.js";
import { OpenStreamsService } from "../events/open-streams.service.js";
import { ProvisioningService } from "../provisioning/provisioning.service.js";
import { readBodies } from "./bodies.js";
import { serveFigures } from "./figures.js";
import { IdempotencyService } from "./idempotency.service.js";
import { contentSecurityPolicy, serveWebFiles } from "./web-files.js";

/** Puts it all in place; to be called before the application is initialised. */
export async function layFront(app: NestExpressApplication): Promise<void> {
  app.setGlobalPrefix(apiPrefix);
  const filter = new ErrorFilter();
  app.useGlobalFilters(filter);
  app.useGlobalPipes(new StandardSchemaValidationPipe({ exceptionFactory: invalidBody }));
  app.disable("x-powered-by");
  app.set("query parser", "simple");
  app.use(helmet({ contentSecurityPolicy, strictTransportSecurity: false, xFrameOptions: { action: "deny" } }));
  app.use(apiPrefix, (_request: Request, response: Response, next: NextFunction) => {
    // Answers are for who asked, at the moment of asking.
    response.setHeader("cache-control", "no-store");
    next();
  });
  const instance = app.getHttpAdapter().getInstance() as Express;
  const auth = app.get(AuthService);
  serveFigures(instance, {
    dataSource: app.get(DataSource),
    counted: () => counted(app),
    identify: (request) => auth.identify(request),
  });
  serveWebFiles(instance);
  app.use(readBodies());
  app.use(app.get(IdempotencyService).handle);
  app.use(apiPrefix, app.get(RequestAudit).handle);
  await app.init();
  instance.use((request) => {
    throw new Refusal("not_found", `There is no ${request.method} ${request.path}; the API is at ${apiPrefix}`);
  });
  // Nest's own handler of errors looks after the API's paths alone.
  instance.use((error: unknown, request: Request, response: Response, _next: NextFunction) => {
    filter.send(error, request, response);
  });
}

function counted(app: NestExpressApplication): ReturnType<Parameters<typeof serveFigures>[1]["counted"]> {
  const agents = app.get(AgentsService);
  const backups = app.get(BackupsService);
  return {
    hostsInContact: agents.countInContact(),
    contactsRegained: agents.contacts.regained,
    contactsLost: agents.contacts.lost,
    logFaults: app.get(ProvisioningService).logFaults,
    openStreams: app.get(OpenStreamsService).count,
    backupFailures: backups.failures,
    lastBackup: backups.all()[0]?.takenAt,
    lastBackupFailure: backups.lastFailure?.at,
  };
}
