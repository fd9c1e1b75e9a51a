// Stores what logs have grown by, of as many jobs as wait, in one transaction: a synchronisation of the disk and a change of state cost the same for one line as for
// the lines of a hundred jobs. While one transaction is under way, or is on its way to the disk, the next one's share gathers by itself.
import type { JobEvent as HostEvent } from "@convirt/proto/provision";
import type { DataSource, EntityManager } from "typeorm";
import type { WriteAheadLog } from "../database/wal.js";
import { inUnsyncedTransaction } from "../database/write-queue.js";
import type { JobEntity, JobEventEntity } from "./job.entity.js";
import { toRow } from "./job-events.js";
import { placeLog } from "./job-log.js";
import { isFinal } from "./job-state.js";

/** What one transaction stores at most; a batch of one job may be as large alone. */
const groupBytes = 2 * 1024 * 1024;
const groupJobs = 50;

export interface Piece {
  offset: number;
  data: Uint8Array;
}

/** The bytes of a batch that tells of nothing else; undefined of any other. */
export function piecesOf(batch: readonly HostEvent[]): Piece[] | undefined {
  const pieces: Piece[] = [];
  for (const { event } of batch) {
    if (event?.$case !== "log") return undefined;
    pieces.push({ offset: Number(event.value.offset), data: event.value.data });
  }
  return pieces;
}

interface Waiting {
  jobId: string;
  pieces: readonly Piece[];
  done: () => void;
  failed: (error: unknown) => void;
}

type Growth = Pick<JobEntity, "id" | "status" | "logBytes" | "lastSequence">;

export class LogWriter {
  readonly #dataSource: DataSource;
  readonly #wal: WriteAheadLog;
  readonly #stored: (jobId: string, rows: readonly JobEventEntity[]) => void;
  #waiting: Waiting[] = [];
  #writing: Promise<void> | undefined;

  /** `stored` is told of the rows of each job when they are on the disk. */
  constructor(
    dataSource: DataSource,
    wal: WriteAheadLog,
    stored: (jobId: string, rows: readonly JobEventEntity[]) => void,
  ) {
    this.#dataSource = dataSource;
    this.#wal = wal;
    this.#stored = stored;
  }

  /** Resolves when they are on the disk. Throws LogGap when bytes are missing before them; a job's next pieces come after its last ones are stored. */
  store(jobId: string, pieces: readonly Piece[]): Promise<void> {
    return new Promise((done, failed) => {
      this.#waiting.push({ jobId, pieces, done, failed });
      this.#writing ??= this.#writeAll().finally(() => {
        this.#writing = undefined;
      });
    });
  }

  /** Never rejects. */
  async #writeAll(): Promise<void> {
    while (this.#waiting.length > 0) {
      let group: Waiting[] = [];
      try {
        const stored = await inUnsyncedTransaction(this.#dataSource, async (tx) => {
          // What came while others had their turn goes along.
          group = this.#take();
          return await writeGroup(tx, group);
        });
        await this.#wal.synced();
        for (const { of, rows, error } of stored) {
          if (error !== undefined) of.failed(error);
          else {
            this.#stored(of.jobId, rows);
            of.done();
          }
        }
      } catch (error) {
        if (group.length === 0) group = this.#take();
        for (const { failed } of group) failed(error);
      }
    }
  }

  #take(): Waiting[] {
    let bytes = 0;
    let count = 0;
    for (const { pieces } of this.#waiting) {
      bytes += pieces.reduce((sum, { data }) => sum + data.length, 0);
      if (count > 0 && (bytes > groupBytes || count >= groupJobs)) break;
      count += 1;
    }
    return this.#waiting.splice(0, count);
  }
}

interface Stored {
  of: Waiting;
  rows: JobEventEntity[];
  error?: unknown;
}

/** In statements that are the same for any group, and so are prepared once: the mapper's own take most of the controller's time when many jobs print. */
async function writeGroup(tx: EntityManager, group: readonly Waiting[]): Promise<Stored[]> {
  const jobs: Growth[] = await tx.query(selectJobs, [JSON.stringify(group.map(({ jobId }) => jobId))]);
  const byId = new Map(jobs.map((job) => [job.id, job]));
  const at = new Date().toISOString();
  const stored = group.map((of) => grown(byId.get(of.jobId), of, at));
  for (const { rows } of stored)
    for (const row of rows)
      await tx.query(insertEvent, [row.jobId, row.sequence, row.kind, row.at, row.body, row.logOffset, row.bytes]);
  await tx.query(updateJobs, [JSON.stringify(jobs)]);
  return stored;
}

const selectJobs = `SELECT id, status, log_bytes AS logBytes, last_sequence AS lastSequence FROM jobs
  WHERE id IN (SELECT value FROM json_each(?))`;
const insertEvent = `INSERT INTO job_events (job_id, sequence, kind, at, body, log_offset, bytes) VALUES (?, ?, ?, ?, ?, ?, ?)`;
const updateJobs = `UPDATE jobs SET log_bytes = grown.value ->> 'logBytes', last_sequence = grown.value ->> 'lastSequence'
  FROM json_each(?) AS grown WHERE jobs.id = grown.value ->> 'id'`;

/** The rows of one job's new bytes, and the job as it is behind them. What does not fit is that job's error alone. */
function grown(job: Growth | undefined, of: Waiting, at: string): Stored {
  if (job === undefined) return { of, rows: [], error: new Error(`There is no job ${of.jobId}`) };
  if (isFinal(job.status)) return { of, rows: [] };
  try {
    const rows = placeLog(job.logBytes, of.pieces).map(({ offset, bytes }) => {
      job.logBytes = offset + bytes.length;
      job.lastSequence += 1;
      return toRow(job.id, job.lastSequence, at, { kind: "log", offset, bytes });
    });
    return { of, rows };
  } catch (error) {
    return { of, rows: [], error };
  }
}
