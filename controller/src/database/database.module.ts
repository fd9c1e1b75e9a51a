// The one database. SQLite in WAL mode with foreign keys on; migrations run at start; entities come from the features' modules. `:memory:` is for tests.
import { type DynamicModule, Module } from "@nestjs/common";
import { TypeOrmModule } from "@nestjs/typeorm";
import { migrations } from "./migrations.js";

const busyMs = 5_000;
/** The indices that lists go by, when there is much to list. */
const cacheKib = 16_384;

@Module({})
export class DatabaseModule {
  static at(path: string): DynamicModule {
    return {
      module: DatabaseModule,
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
            ])
              database.pragma(pragma);
          },
        }),
      ],
    };
  }
}
