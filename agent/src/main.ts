// `convirt-agent`: run, enrol, check, config-to-shell. Commands load what they need when they run, so that the idle agent holds no parser and no X.509.
import { readFileSync } from "node:fs";
import { hostname } from "node:os";
import { Command } from "commander";
import type { AgentConfig } from "./config/config.js";
import { ConfigInvalid, loadConfig } from "./config/load.js";
import { version } from "./version.js";

const program = new Command("convirt-agent")
  .description("ConVirt's agent on a Xen host.")
  .version(version)
  .option("--config <file>", "settings; /etc/convirt/agent.toml unless named")
  .option("--print-config", "show the settings in force, and end")
  .addHelpText(
    "after",
    `
Settings come from the environment (CONVIRT_AGENT_LISTEN and so on) before the file.
It ends with 0, with 1 when it cannot do what it should, with 2 when the settings cannot be used.
A new host: convirt-agent check; convirt-agent enrol; systemctl enable --now convirt-agent (one that runs already takes the identity at once)`,
  )
  .action((flags: { printConfig?: boolean }, { args }: Command) => {
    if (args[0] !== undefined) program.error(`error: there is no command "${args[0]}"; see convirt-agent --help`);
    if (flags.printConfig) printConfig();
    else program.help({ error: true });
  });

function config(): AgentConfig {
  return loadConfig(process.env, program.opts<{ config?: string }>().config);
}

/** There is no secret among the settings: keys and certificates lie in the state folder. */
function printConfig(): void {
  process.stdout.write(`${JSON.stringify(config(), null, 2)}\n`);
}

program
  .command("run")
  .description("serve the controller")
  .action(async () => {
    if (program.opts<{ printConfig?: boolean }>().printConfig) return printConfig();
    // Before the rest is loaded: settings that cannot be are said at once.
    config();
    const { runAgent } = await import("./run.js");
    const command = process.argv[1] ?? "convirt-agent";
    await runAgent({ settings: config, environment: process.env, command }).catch(fail);
    // What an agent that cannot stop in order leaves open would hold the process.
    process.exit();
  });

/** As it comes: to read a pipe at once fails where its other end has not written yet. Of more than an invitation could be, the rest is not read. */
async function standardInput(): Promise<string> {
  let text = "";
  for await (const chunk of process.stdin.setEncoding("utf8")) {
    text += chunk as string;
    if (text.length > 65_536) break;
  }
  return text;
}

program
  .command("enrol")
  .description("enter by an invitation, read from standard input or a file")
  .option("--file <file>", "the file that holds the invitation")
  .action(async (flags: { file?: string }) => {
    const settings = config();
    const { enrol, parseInvitation } = await import("./identity/enrol.js");
    if (flags.file === undefined && process.stdin.isTTY)
      process.stderr.write("Paste the invitation, then press Ctrl-D:\n");
    const invitation = parseInvitation(
      flags.file === undefined ? await standardInput() : readFileSync(flags.file, "utf8"),
    );
    const port = settings.listen.slice(settings.listen.lastIndexOf(":") + 1);
    const address = settings.advertise || `${hostname()}:${port}`;
    const { hostId, controller } = await enrol({
      invitation,
      stateDir: settings.stateDir,
      address,
      agentVersion: version,
    });
    process.stdout.write(
      `${invitation.host} is enrolled at ${controller} as ${hostId}. The agent takes it at once where it runs; else: systemctl enable --now convirt-agent\n`,
    );
  });

program
  .command("check")
  .description("say what this host lacks, and how to get it")
  .option("--json", "for programs")
  .action(async (flags: { json?: boolean }) => {
    const settings = config();
    const [{ checkHost }, { chooseToolstack, Driver }, { plainEnvironment }] = await Promise.all([
      import("./host/check.js"),
      import("./toolstack/driver.js"),
      import("./process/run.js"),
    ]);
    const chosen = chooseToolstack(settings.toolstack, plainEnvironment["PATH"] ?? "");
    const toolstack = chosen && new Driver({ ...chosen, environment: plainEnvironment, creates: 1, scopes: false });
    const findings = await checkHost(settings, toolstack, AbortSignal.timeout(60_000));
    const errors = findings.filter((one) => one.severity === "error").length;
    if (flags.json) process.stdout.write(`${JSON.stringify({ ok: errors === 0, findings }, null, 2)}\n`);
    else {
      for (const one of findings) process.stdout.write(`${one.severity}: ${one.what}\n    ${one.advice}\n`);
      process.stdout.write(
        findings.length === 0
          ? "Nothing is missing.\n"
          : errors === 0
            ? "The host can be used.\n"
            : "The host cannot be used yet.\n",
      );
    }
    process.exitCode = errors === 0 ? 0 : 1;
  });

program
  .command("config-to-shell <file>")
  .description("print the options of an image.conf or VM configuration as shell assignments, every byte quoted")
  .action(async (file: string) => {
    const [{ evaluate }, { toShell }] = await Promise.all([
      import("@convirt/image-format/evaluate"),
      import("@convirt/image-format/shell"),
    ]);
    const evaluation = evaluate(readFileSync(file, "utf8"), { file, predefined: "vm_conf" });
    if (evaluation.ok) {
      process.stdout.write(toShell(evaluation.options).text);
      return;
    }
    for (const one of evaluation.diagnostics)
      process.stderr.write(`${one.file}:${one.line}:${one.column}: ${one.message}\n`);
    process.exitCode = 1;
  });

// Its own alone, to name what is no command: commands take over what is set before them.
program.allowExcessArguments();

await program.parseAsync().catch(fail);

function fail(error: unknown): void {
  const known =
    error instanceof ConfigInvalid ||
    (error instanceof Error &&
      (["EnrolmentFailed", "IdentityInvalid", "CannotStart"].includes(error.name) || "syscall" in error));
  process.stderr.write(`${known ? (error as Error).message : error instanceof Error ? error.stack : String(error)}\n`);
  process.exitCode = error instanceof ConfigInvalid ? 2 : 1;
}
