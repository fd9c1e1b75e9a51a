// Nest's log lines, and ours, as JSON through pino. What is an object goes as it is, so that every line can be searched by its fields.
import type { LoggerService } from "@nestjs/common";
import { type Logger, pino } from "pino";

export class NestLog implements LoggerService {
  private readonly logger: Logger;

  constructor(level: string) {
    this.logger = pino(
      {
        level,
        base: null,
        serializers: { err: plainError },
        timestamp: pino.stdTimeFunctions.isoTime,
        formatters: { level: (label) => ({ level: label }) },
      },
      pino.destination({ dest: 2, sync: true }),
    );
  }

  log(message: unknown, ...rest: unknown[]): void {
    this.say("info", message, rest);
  }
  warn(message: unknown, ...rest: unknown[]): void {
    this.say("warn", message, rest);
  }
  error(message: unknown, ...rest: unknown[]): void {
    this.say("error", message, rest);
  }
  debug(message: unknown, ...rest: unknown[]): void {
    this.say("debug", message, rest);
  }

  /** Nest hands the room's name last, and for errors the stack before it. */
  private say(level: "debug" | "info" | "warn" | "error", message: unknown, rest: unknown[]): void {
    const room = rest.at(-1);
    // Nest's own account of its start is of interest to nobody who runs this.
    if (
      typeof room === "string" &&
      ["NestFactory", "InstanceLoader", "RoutesResolver", "RouterExplorer", "NestApplication"].includes(room) &&
      level === "info"
    )
      return;
    const fields =
      typeof message === "object" && message !== null && !(message instanceof Error)
        ? message
        : {
            msg: message instanceof Error ? message.message : String(message),
            ...(message instanceof Error ? { err: message } : {}),
          };
    this.logger[level]({ room, ...fields });
  }
}

/** What an error says of itself, and no more: a failed query carries its values along, and a secret may be among them. */
function plainError(error: unknown): object {
  if (!(error instanceof Error)) return { message: String(error) };
  const { name, message, stack, cause } = error;
  return { type: name, message, stack, ...(cause === undefined ? {} : { cause: plainError(cause) }) };
}
