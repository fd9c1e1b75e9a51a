import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { closeSync, mkdirSync, mkdtempSync, openSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type FollowRequest, type JobEvent, Outcome, Phase } from "@convirt/proto/provision";
import type { ServerWritableStream } from "@grpc/grpc-js";
import Database from "better-sqlite3";
import { DataSource } from "typeorm";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { TestController } from "../testing.js";
import { enrolHost, jobIs, makeImage, type TestHost } from "../testing-jobs.js";
import { storageRefusal } from "./storage-error.js";
import { inTransaction } from "./write-queue.js";

const isRoot = process.getuid?.() === 0;
const mounted = (action: readonly string[]) => spawnSync(action[0] ?? "", action.slice(1)).status === 0;

describe.runIf(isRoot)("a full disk under the controller", () => {
  let folder: string;
  let disk: string;
  let canMount: boolean;
  let controller: TestController;
  let token: string;
  let agent: TestHost | undefined;

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), "convirt-full-"));
    disk = join(folder, "disk");
    mkdirSync(disk);
    canMount = mounted(["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", disk]);
    controller = await TestController.start({ folder, database: join(disk, "convirt.db") });
    token = await controller.tokenFor("admin");
    await makeImage(controller, token);
  });
  afterEach(async () => {
    await controller.stop();
    agent?.kill();
    mounted(["umount", disk]);
    rmSync(folder, { recursive: true, force: true });
  });

  /** Takes all the space that is left. */
  function fill(): void {
    const file = openSync(join(disk, "filler"), "w");
    try {
      for (const size of [65_536, 512]) {
        try {
          for (;;) writeSync(file, Buffer.alloc(size));
        } catch (error) {
          expect((error as NodeJS.ErrnoException).code).toBe("ENOSPC");
        }
      }
    } finally {
      closeSync(file);
    }
  }

  test("is answered as storage_full, breaks nothing, and the job's log is whole once there is space again", async ({
    skip,
  }) => {
    if (!canMount) skip("no file system can be mounted here");
    const log = Buffer.from(Array.from({ length: 60_000 }, (_, line) => `line ${line}, and some more\n`).join(""));
    let tries = 0;
    let release: () => void = () => undefined;
    const full = new Promise<void>((resolve) => {
      release = resolve;
    });
    agent = await enrolHost(controller, token, "xen1", {
      provision: {
        follow: (call) => {
          tries += 1;
          void full.then(() => sendFrom(call, log));
        },
      },
    });
    const post = (vm: string) => controller.call("POST", "/jobs", { token, body: { image: "Tiny", host: "xen1", vm } });
    const { body: one } = await post("vm1");
    await vi.waitFor(() => expect(tries).toBe(1), 15_000);
    // What the write-ahead log had room for is taken away, too.
    await controller.get(DataSource).query("PRAGMA wal_checkpoint(TRUNCATE)");
    fill();
    const refused = await post("vm2");
    expect({ status: refused.status, code: refused.body.code }).toEqual({ status: 507, code: "storage_full" });
    expect((await fetch(`${controller.url}/healthz`)).status).toBe(200);
    expect((await controller.call("GET", "/jobs", { token })).body.total).toBe(1);
    release();
    // What came could not be stored; the host is asked again from where the record ends.
    await vi.waitFor(() => expect(tries).toBeGreaterThan(2), 20_000);

    rmSync(join(disk, "filler"));
    const job = await jobIs(controller, token, one.id, (found) => found.status === "succeeded");
    expect(job).toMatchObject({ logBytes: log.length, logFault: null });
    const stored = await controller.call("GET", `/jobs/${one.id}/log`, { token });
    expect(createHash("sha256").update(stored.body).digest("hex")).toBe(job.logSha256);
    expect(await controller.get(DataSource).query("PRAGMA integrity_check")).toEqual([{ integrity_check: "ok" }]);
  }, 60_000);

  test("undoes a transaction whole, and the next one is a transaction again", async ({ skip }) => {
    if (!canMount) skip("no file system can be mounted here");
    const database = controller.get(DataSource);
    await database.query("CREATE TABLE grown (n INTEGER PRIMARY KEY, bytes BLOB)");
    fill();
    const grow = (n: number, size: number) =>
      inTransaction(database, async (tx) => {
        await tx.query("INSERT INTO grown (n, bytes) VALUES (?, ?)", [n, Buffer.alloc(10)]);
        await tx.query("INSERT INTO grown (n, bytes) VALUES (?, ?)", [n + 1, Buffer.alloc(size)]);
      });
    for (const n of [10, 20, 30]) {
      const error = await grow(n, 12 * 1024 * 1024).catch((caught: unknown) => caught);
      expect(storageRefusal(error)?.code).toBe("storage_full");
    }
    rmSync(join(disk, "filler"));
    await grow(40, 10);
    // A connection of its own sees what is committed, and nothing else.
    const other = new Database(join(disk, "convirt.db"), { readonly: true });
    expect(other.prepare("SELECT n FROM grown ORDER BY n").pluck().all()).toEqual([40, 41]);
    other.close();
  }, 60_000);
});

describe("what the disk says", () => {
  test("is told from other errors by its code alone, however deep it is wrapped", () => {
    const coded = (code: string) => Object.assign(new Error("x"), { code });
    expect(storageRefusal(Object.assign(new Error("wrapped"), { driverError: coded("SQLITE_FULL") }))?.status).toBe(
      507,
    );
    expect(storageRefusal(coded("ENOSPC"))?.code).toBe("storage_full");
    expect(storageRefusal(new Error("wrapped", { cause: coded("EROFS") }))?.status).toBe(503);
    expect(storageRefusal(coded("SQLITE_IOERR_WRITE"))?.code).toBe("storage_unwritable");
    expect(storageRefusal(coded("SQLITE_CONSTRAINT"))).toBeUndefined();
    expect(storageRefusal(coded("EACCES"))).toBeUndefined();
    expect(storageRefusal("SQLITE_FULL")).toBeUndefined();
  });

  test("of a database that may only be read is storage_unwritable", () => {
    const folder = mkdtempSync(join(tmpdir(), "convirt-ro-"));
    new Database(join(folder, "a.db")).exec("CREATE TABLE t (a)").close();
    const database = new Database(join(folder, "a.db"), { readonly: true });
    let caught: unknown;
    try {
      database.exec("INSERT INTO t VALUES (1)");
    } catch (error) {
      caught = error;
    }
    database.close();
    rmSync(folder, { recursive: true });
    expect(storageRefusal(caught)?.code).toBe("storage_unwritable");
  });
});

const at = "2026-01-01T00:00:00.000Z";

/** A host's whole log from where the controller has it, and the end. */
function sendFrom(call: ServerWritableStream<FollowRequest, JobEvent>, log: Buffer): void {
  for (let offset = Number(call.request.logOffset); offset < log.length; offset += 65_536) {
    const data = log.subarray(offset, offset + 65_536);
    call.write({ sequence: 0n, at, event: { $case: "log", value: { offset: BigInt(offset), data } } });
  }
  const logSha256 = createHash("sha256").update(log).digest("hex");
  const ended = {
    ...{ outcome: Outcome.SUCCEEDED, code: "", phase: Phase.SCRIPT, message: "", exitCode: 0, domainId: 0 },
    ...{
      logBytes: BigInt(log.length),
      logSha256,
      proofs: [],
      leftovers: [],
      disks: [],
      cleaned: [],
      commands: [],
      logCut: false,
    },
    ...{ vmConfigPath: "/c/x", vmConfig: "", vmConf: "" },
  };
  call.write({ sequence: 1n, at, event: { $case: "ended", value: ended } });
  call.end();
}
