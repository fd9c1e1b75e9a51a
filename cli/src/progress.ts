// A job on a terminal: the log as it comes, and below it one bar for staging or one line for the phase under way. Where stdout is no terminal the log
// goes to stdout as it is and the phases to stderr as plain lines; with `--json`, one event per line.
import type { JobEvent } from "@convirt/contract/job";
import { type Bar, Presets, SingleBar } from "cli-progress";
import { jobText } from "./commands/job-text.js";
import type { Context } from "./context.js";
import { CommandFailed, exitCodes } from "./exit.js";
import { followJob } from "./follow.js";
import { duration, plainJson, plainLog, size } from "./output.js";

interface Screen {
  event(event: JobEvent): void;
  done(): void;
}

/** Follows a job to its end and shows it; ends the command with 1 when it did not succeed. Ctrl-C leaves the job running and says so. */
export async function watchJob(context: Context, id: string, options: { quietPhases?: boolean } = {}): Promise<void> {
  const screen = context.json
    ? jsonScreen()
    : process.stdout.isTTY
      ? terminalScreen()
      : plainScreen(options.quietPhases ?? false);
  let ended: Awaited<ReturnType<typeof followJob>>;
  try {
    ended = await followJob(context.client, id, {
      signal: context.signal,
      onEvent: (event) => screen.event(event),
      onGap: (why) => context.json || process.stderr.write(`(reconnecting: ${why})\n`),
    });
  } catch (error) {
    screen.done();
    if (context.signal.aborted) {
      throw new CommandFailed(
        exitCodes.interrupted,
        `The job goes on. Follow it: convirt job logs -f ${id}; stop it: convirt job cancel ${id}`,
      );
    }
    throw error;
  }
  screen.done();
  const detail = await context.client.call("showJob", { params: { id } });
  if (context.json) process.stdout.write(`${plainJson({ kind: "job", job: detail }, 0)}\n`);
  else if (!options.quietPhases || ended.status !== "succeeded") process.stderr.write(`${jobText(detail)}\n`);
  if (ended.status !== "succeeded") throw new CommandFailed(exitCodes.refused, "");
}

function jsonScreen(): Screen {
  return { event: (event) => process.stdout.write(`${plainJson(event, 0)}\n`), done: () => undefined };
}

function plainScreen(quietPhases: boolean): Screen {
  return {
    event: (event) => {
      if (event.kind === "log") process.stdout.write(Buffer.from(event.base64, "base64"));
      else if (!quietPhases) {
        const line = phaseLine(event);
        if (line !== undefined) process.stderr.write(`${line}\n`);
      }
    },
    done: () => undefined,
  };
}

function terminalScreen(): Screen {
  let bar: Bar | undefined;
  const decoder = new TextDecoder();
  const stopBar = () => {
    bar?.stop();
    bar = undefined;
  };
  return {
    event: (event) => {
      if (event.kind === "staging") {
        bar ??= startBar(event.bytesTotal);
        // What there is to send is known only when the host has said what it lacks.
        bar.setTotal(Math.max(1, event.bytesTotal));
        bar.update(event.bytesSent, { sent: size(event.bytesSent), all: size(event.bytesTotal) });
        return;
      }
      stopBar();
      if (event.kind === "log")
        process.stdout.write(plainLog(decoder.decode(Buffer.from(event.base64, "base64"), { stream: true })));
      else {
        const line = phaseLine(event);
        if (line !== undefined) process.stdout.write(`\u001b[2m${line}\u001b[0m\n`);
      }
    },
    done: stopBar,
  };
}

function startBar(bytesTotal: number): Bar {
  const bar = new SingleBar(
    { format: "staging {bar} {percentage} % {sent} of {all}, {eta_formatted} left", hideCursor: true },
    Presets.shades_classic,
  );
  bar.start(Math.max(1, bytesTotal), 0, { sent: size(0), all: size(bytesTotal) });
  return bar;
}

function phaseLine(event: JobEvent): string | undefined {
  switch (event.kind) {
    case "phase_started":
      return `-- ${event.phase}`;
    case "phase_ended":
      return `-- ${event.phase} took ${duration(event.durationMs / 1000)}`;
    case "note":
      return `   ${plainLog(event.text)}`;
    case "status":
      return event.message === null ? `-- ${event.status}` : `-- ${event.status}: ${plainLog(event.message)}`;
    case "cleaned":
      return `   cleaned ${event.cleaned.length} things that the job had left, by ${plainLog(event.by)}`;
    case "staging":
    case "log":
      return undefined;
  }
}
