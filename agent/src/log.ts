// One JSON line per message on standard error, which systemd's journal keeps. Values of options and secrets never go here; errors go with their stacks.

export type Level = "debug" | "info" | "warn" | "error";

export interface Log {
  debug(message: string, fields?: Record<string, unknown>): void;
  info(message: string, fields?: Record<string, unknown>): void;
  warn(message: string, fields?: Record<string, unknown>): void;
  error(message: string, fields?: Record<string, unknown>): void;
}

const weights: Record<Level, number> = { debug: 10, info: 20, warn: 30, error: 40 };

export function createLog(least: Level, write: (line: string) => void = (line) => process.stderr.write(line)): Log {
  const say =
    (level: Level) =>
    (message: string, fields: Record<string, unknown> = {}) => {
      if (weights[level] < weights[least]) return;
      write(`${JSON.stringify({ time: new Date().toISOString(), level, message, ...fields }, plainErrors)}\n`);
    };
  return { debug: say("debug"), info: say("info"), warn: say("warn"), error: say("error") };
}

function plainErrors(_key: string, value: unknown): unknown {
  if (value instanceof Error)
    return { name: value.name, message: value.message, stack: value.stack, cause: value.cause };
  return typeof value === "bigint" ? value.toString() : value;
}
