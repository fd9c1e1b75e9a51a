// `convirt-controller`: reads its settings, starts, and says where it listens; stops in order on SIGTERM.
import "reflect-metadata";
import { Command } from "commander";
import { type Config, ConfigInvalid, loadConfig } from "./config/config.js";
import { environment } from "./config/environment.js";
import { version } from "./config/version.js";
import { CannotStart } from "./errors/cannot-start.js";

const program = new Command("convirt-controller")
  .description("Keeps images, hosts, VMs and jobs, and serves the HTTP API, the web UI and the command line.")
  .version(version)
  .option("--print-config", "show the settings in force, and end")
  .addHelpText(
    "after",
    `
Settings come from the environment (CONVIRT_DATA_DIR and so on) before the file, which is /etc/convirt/controller.toml unless CONVIRT_CONFIG names another.
It serves until it is told to stop (SIGTERM), and ends with 0, with 1 when it cannot start, with 2 when the settings cannot be used.`,
  )
  .action(async (flags: { printConfig?: boolean }) => {
    const config = loadConfig(environment());
    if (flags.printConfig) process.stdout.write(`${JSON.stringify(config, null, 2)}\n`);
    else await serve(config);
  });

async function serve(config: Config): Promise<void> {
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

program.parseAsync().catch((error: unknown) => {
  const plain = error instanceof ConfigInvalid || error instanceof CannotStart;
  process.stderr.write(`${plain ? error.message : error instanceof Error ? error.stack : String(error)}\n`);
  process.exitCode = error instanceof ConfigInvalid ? 2 : 1;
});
