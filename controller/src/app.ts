// The application as it is served: Nest with our filter, guard and validation, what stands in front of it, and the two listeners. Tests start it the same way.
import { mkdirSync, readFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { createServer as createTls, type Server as TlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { type INestApplication, Logger } from "@nestjs/common";
import { NestFactory } from "@nestjs/core";
import type { NestExpressApplication } from "@nestjs/platform-express";
import type { Express } from "express";
import { type ScheduledTask, schedule } from "node-cron";
import { AppModule } from "./app.module.js";
import { Authority } from "./config/authority.js";
import type { Config } from "./config/config.js";
import { lockDatabase } from "./database/lock.js";
import { EnrolmentService } from "./enrolment/enrolment.service.js";
import { CannotStart } from "./errors/cannot-start.js";
import { layFront } from "./http/front.js";
import { NestLog } from "./http/nest-log.js";

const stopLimitMs = 5_000;
const keepAliveMs = 75_000;
/** An archive of many GiB may be long on its way; headers have Node's own limit of a minute. */
const requestMs = 2 * 3_600_000;

export interface RunningController {
  app: INestApplication;
  httpUrl: string;
  httpsUrl: string;
  /** With the certificate that was given, where one was. */
  webUrl?: string;
  authorityDigest: string;
  stop(): Promise<void>;
}

/** Starts a controller. `database` is for tests; the file in the data folder unless given. Throws AnotherController when that file is in use. */
export async function startController(
  config: Config,
  database = join(config.data_dir, "convirt.db"),
): Promise<RunningController> {
  mkdirSync(config.data_dir, { recursive: true, mode: 0o700 });
  const opened = new Opened();
  try {
    if (database !== ":memory:") opened.closeBy(lockDatabase(database));
    const authority = await Authority.open(config.data_dir);
    const app = await NestFactory.create<NestExpressApplication>(AppModule.of(config, authority, database), {
      logger: new NestLog(config.log.level),
      bodyParser: false,
      abortOnError: false,
    });
    opened.closeBy(() => app.close());
    await layFront(app);
    const tls = await authority.server(config.advertise);
    const handler = app.getHttpAdapter().getInstance() as Express;
    const http = await listen(createServer(handler), config.http.listen);
    opened.closeBy(() => close(http.server));
    const https = await listen(
      createTls({ key: tls.key, cert: tls.certificate, minVersion: "TLSv1.3" }, handler),
      config.https.listen,
    );
    opened.closeBy(() => close(https.server));
    const renewal = keepCertificate(https.server, authority, config.advertise, tls.certificate);
    opened.closeBy(() => renewal.destroy());
    app.get(EnrolmentService).listensOn(https.port);
    const web =
      config.web.listen === ""
        ? undefined
        : await listen(createTls(ownCertificate(config), handler), config.web.listen);
    if (web !== undefined) {
      opened.closeBy(() => close(web.server));
      const reading = rereadCertificate(web.server, config);
      opened.closeBy(() => reading.destroy());
    }
    return {
      app,
      httpUrl: `http://127.0.0.1:${http.port}`,
      httpsUrl: `https://127.0.0.1:${https.port}`,
      ...(web === undefined ? {} : { webUrl: `https://127.0.0.1:${web.port}` }),
      authorityDigest: authority.keyDigest,
      stop: () => opened.close(),
    };
  } catch (error) {
    await opened.close();
    throw error;
  }
}

/** What has been opened so far, closed in the opposite order: at the stop, and when a later part of the start fails. */
class Opened {
  readonly #ways: (() => unknown)[] = [];

  closeBy(way: () => unknown): void {
    this.#ways.push(way);
  }

  async close(): Promise<void> {
    for (let way = this.#ways.pop(); way !== undefined; way = this.#ways.pop()) await way();
  }
}

/** Looks every day whether the certificate of the HTTPS port must be a new one; connections that are open keep theirs. */
function keepCertificate(server: TlsServer, authority: Authority, advertise: string, shown: string): ScheduledTask {
  let current = shown;
  return schedule("41 3 * * *", async () => {
    const { key, certificate } = await authority.server(advertise);
    if (certificate !== current) server.setSecureContext({ key, cert: certificate, minVersion: "TLSv1.3" });
    current = certificate;
  });
}

/** Throws when the files cannot be read, or are no certificate and its key. */
function ownCertificate({ web }: Config): { key: string; cert: string; minVersion: "TLSv1.2" } {
  const read = (path: string) => {
    try {
      return readFileSync(path, "utf8");
    } catch (error) {
      throw new CannotStart(
        `Cannot listen on ${web.listen}: ${error instanceof Error ? error.message : String(error)}`,
      );
    }
  };
  // Browsers that are a few years old are people's own affair; agents and hosts never come here.
  return { key: read(web.key_file), cert: read(web.certificate_file), minVersion: "TLSv1.2" };
}

/** A certificate is renewed under its name: the files are read again each hour. What cannot be used is passed over, and the log says so. */
function rereadCertificate(server: TlsServer, config: Config): ScheduledTask {
  const log = new Logger("http");
  let shown = ownCertificate(config).cert;
  return schedule("7 * * * *", () => {
    try {
      const fresh = ownCertificate(config);
      if (fresh.cert === shown) return;
      server.setSecureContext(fresh);
      shown = fresh.cert;
      log.log({ msg: "the certificate for people was read anew" });
    } catch (error) {
      log.error({ msg: "the certificate for people cannot be used; the one before stays", err: error });
    }
  });
}

async function listen<S extends Server>(server: S, endpoint: string): Promise<{ server: S; port: number }> {
  const at = endpoint.lastIndexOf(":");
  const host = endpoint.slice(0, at).replace(/^\[|\]$/g, "");
  const port = Number(endpoint.slice(at + 1));
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error) => reject(new CannotStart(`Cannot listen on ${endpoint}: ${error.message}`)));
    server.listen({ port, ...(host === "" ? {} : { host }) }, resolve);
  });
  // Longer than a client or a proxy keeps an idle connection, so that none is closed under a request.
  server.keepAliveTimeout = keepAliveMs;
  server.requestTimeout = requestMs;
  return { server, port: (server.address() as AddressInfo).port };
}

/** Takes no new connections, ends idle ones, and after a moment those that still stream. */
async function close(server: Server): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeIdleConnections();
  const timer = setTimeout(() => server.closeAllConnections(), stopLimitMs / 5);
  await closed;
  clearTimeout(timer);
}
