import { randomUUID } from "node:crypto";
import type { Server } from "node:http";
import { type AddressInfo, connect } from "node:net";
import express, { type Response } from "express";
import { DataSource } from "typeorm";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { migrations } from "../database/migrations.js";
import { walOf } from "../database/wal.js";
import { EventsService } from "../events/events.service.js";
import { EventStream, write } from "./event-stream.js";
import { JobEntity, JobEventEntity } from "./job.entity.js";
import { toRow } from "./job-events.js";
import { JobFeed, Watcher } from "./job-feed.js";

let database: DataSource;
let feed: JobFeed;
let server: Server;
const id = randomUUID();

beforeEach(async () => {
  database = await new DataSource({
    type: "better-sqlite3",
    database: ":memory:",
    entities: [JobEntity, JobEventEntity],
    migrations,
    migrationsRun: true,
  }).initialize();
  await database.query("PRAGMA foreign_keys = OFF");
  const job = {
    ...{ id, status: "running", image: "i", imageVersion: "0", hostId: "h", host: "h", vm: "v", vmUuid: "u" },
    ...{ start: false, requestedBy: "a", requestedById: "a", request: {}, spec: {}, options: {}, createdAt: "x" },
    ...{
      logBytes: 0,
      lastSequence: 0,
      agentSequence: 0,
      phases: [],
      proofs: [],
      leftovers: [],
      cleaned: [],
      disks: [],
    },
    ...{ number: 1, restored: false, logCut: false },
  } as unknown as JobEntity;
  await database.manager.save(JobEntity, job);
  feed = new JobFeed(new EventsService());
  const stream = new EventStream(database, feed, walOf(database));
  const app = express();
  app.get("/events", (request, response, next) => {
    stream.send(id, Number(request.headers["last-event-id"] ?? 0), response).catch(next);
  });
  server = await new Promise<Server>((resolve) => {
    const listening = app.listen(0, "127.0.0.1", () => resolve(listening));
  });
});
afterEach(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  await database.destroy();
});

async function publish(from: number, count: number, size: number): Promise<void> {
  for (let sequence = from; sequence < from + count; sequence += 1) {
    const offset = (sequence - 1) * size;
    const row = toRow(id, sequence, "2026-01-01T00:00:00.000Z", { kind: "log", offset, bytes: Buffer.alloc(size, 97) });
    await database.manager.insert(JobEventEntity, row);
    feed.publish(id, [row]);
  }
}

async function end(sequence: number): Promise<void> {
  const entry = { kind: "status", status: "succeeded", code: null, message: null } as const;
  const row = toRow(id, sequence, "2026-01-01T00:00:00.000Z", entry);
  await database.manager.insert(JobEventEntity, row);
  await database.manager.update(JobEntity, { id }, { status: "succeeded", lastSequence: sequence });
  feed.publish(id, [row]);
}

async function sequences(lastEventId?: number): Promise<number[]> {
  const headers: Record<string, string> = lastEventId === undefined ? {} : { "Last-Event-ID": String(lastEventId) };
  const { port } = server.address() as AddressInfo;
  const text = await (await fetch(`http://127.0.0.1:${port}/events`, { headers })).text();
  return [...text.matchAll(/^id: (\d+)$/gm)].map((match) => Number(match[1]));
}

const upTo = (last: number, first = 1): number[] => Array.from({ length: last - first + 1 }, (_each, at) => first + at);

describe("EventStream", () => {
  it("sends what is stored, then what comes, and ends after the final status", async () => {
    await publish(1, 40, 100);
    const live = sequences();
    await publish(41, 60, 100);
    await end(101);
    expect(await live).toEqual(upTo(101));
  });

  it("resumes after Last-Event-ID, and ends at once when nothing can come any more", async () => {
    await publish(1, 20, 10);
    await end(21);
    expect(await sequences(15)).toEqual(upTo(21, 16));
    expect(await sequences(21)).toEqual([]);
  });

  it("gives a client that stopped reading every event once it reads again", async () => {
    const { port } = server.address() as AddressInfo;
    const socket = connect(port, "127.0.0.1");
    socket.write("GET /events HTTP/1.0\r\n\r\n");
    socket.pause();
    await publish(1, 200, 60_000);
    await end(201);
    let text = "";
    await new Promise<void>((resolve, reject) => {
      socket.on("data", (data) => (text += data.toString("latin1").replace(/data: [^\n]*/g, "")));
      socket.on("end", resolve);
      socket.on("error", reject);
      socket.resume();
    });
    expect([...text.matchAll(/^id: (\d+)$/gm)].map((match) => Number(match[1]))).toEqual(upTo(201));
  });
});

describe("write()", () => {
  it("cuts off a client that takes nothing, and has held no more for it than one piece beyond what the system takes", async () => {
    const piece = Buffer.alloc(1024 * 1024, 97);
    let held = 0;
    const cut = new Promise<boolean>((resolve, reject) => {
      server.removeAllListeners("request");
      server.once("request", (_request, response: Response) => {
        const pump = async (): Promise<boolean> => {
          while (await write(response, piece, 200)) held = Math.max(held, response.writableLength);
          held = Math.max(held, response.writableLength);
          return response.destroyed;
        };
        pump().then(resolve, reject);
      });
    });
    const { port } = server.address() as AddressInfo;
    const socket = connect(port, "127.0.0.1");
    socket.on("error", () => undefined);
    socket.pause();
    socket.write("GET /events HTTP/1.0\r\n\r\n");
    expect(await cut).toBe(true);
    expect(held).toBeLessThan(2 * piece.length + 65_536);
    socket.destroy();
  });
});

describe("Watcher", () => {
  it("holds at most 1 MiB for a client that takes nothing", () => {
    const watcher = new Watcher();
    for (let sequence = 1; sequence <= 1000; sequence += 1) watcher.push({ sequence, text: "x".repeat(10_000) });
    const held = watcher.take(1);
    expect(held).toEqual([]);
    expect(watcher.behind(1000)).toBe(true);
  });
});
