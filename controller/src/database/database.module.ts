// The one database. SQLite in WAL mode with foreign keys on; migrations run at start; entities come from the features' modules. `:memory:` is for tests.
import { type DynamicModule, Module } from "@nestjs/common";
import { TypeOrmModule } from "@nestjs/typeorm";
import { DataSource } from "typeorm";
import { migrations } from "./migrations.js";
import { WriteAheadLog, walOf, worthMovingBytes } from "./wal.js";

const busyMs = 5_000;
/** In pages of 4 KiB. What a transaction leaves beyond that the transaction itself moves into the database, which stops everything; a thread does it long before (wal.ts). */
const checkpointPages = 16_384;
/** The indices that lists go by, when there is much to list. */
const cacheKib = 8_192;

@Module({})
export class DatabaseModule {
  static at(path: string): DynamicModule {
    return {
      module: DatabaseModule,
      global: true,
      providers: [{ provide: WriteAheadLog, useFactory: walOf, inject: [DataSource] }],
      exports: [WriteAheadLog],
      imports: [
        TypeOrmModule.forRoot({
          type: "better-sqlite3",
          database: path,
          autoLoadEntities: true,
          synchronize: false,
          migrations,
          migrationsRun: true,
          retryAttempts: 0,
          timeout: busyMs,
          prepareDatabase: (database: { pragma(text: string): unknown }) => {
            for (const pragma of [
              "journal_mode = WAL",
              "synchronous = FULL",
              "foreign_keys = ON",
              `busy_timeout = ${busyMs}`,
              `cache_size = -${cacheKib}`,
              `wal_autocheckpoint = ${checkpointPages}`,
              `journal_size_limit = ${worthMovingBytes}`,
            ])
              database.pragma(pragma);
          },
        }),
      ],
    };
  }
}
