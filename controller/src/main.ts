// `convirt-controller`: reads its settings, starts, and says where it listens; stops in order on SIGTERM.
import "reflect-metadata";
import { ConfigInvalid, loadConfig } from "./config/config.js";
import { environment } from "./config/environment.js";
import { CannotStart } from "./errors/cannot-start.js";

async function main(): Promise<void> {
  const config = loadConfig(environment());
  if (process.argv.includes("--print-config")) {
    process.stdout.write(`${JSON.stringify(config, null, 2)}\n`);
    return;
  }
  const { startController } = await import("./app.js");
  const controller = await startController(config);
  let stopping = false;
  const stop = () => {
    if (stopping) return;
    stopping = true;
    controller.stop().then(
      () => process.exit(0),
      (error: unknown) => {
        process.stderr.write(`Cannot stop in order: ${error instanceof Error ? error.stack : String(error)}\n`);
        process.exit(1);
      },
    );
  };
  process.on("SIGTERM", stop);
  process.on("SIGINT", stop);
  // Said when it can also be told to stop.
  process.stderr.write(
    `${JSON.stringify({ level: "info", time: new Date().toISOString(), msg: "ready", http: controller.httpUrl, https: controller.httpsUrl, authority: controller.authorityDigest })}\n`,
  );
}

main().catch((error: unknown) => {
  const plain = error instanceof ConfigInvalid || error instanceof CannotStart;
  process.stderr.write(`${plain ? error.message : error instanceof Error ? error.stack : String(error)}\n`);
  process.exitCode = error instanceof ConfigInvalid ? 2 : 1;
});
