// What each command is handed: the client, where to write, and whether a program or a person reads it.
import type { Command } from "commander";
import { Client } from "./client.js";
import { plainJson } from "./output.js";
import { currentSettings } from "./settings.js";

export interface Context {
  client: Client;
  json: boolean;
  /** Aborted by Ctrl-C. */
  signal: AbortSignal;
  /** A finished answer: the JSON itself for programs, the text that `people` makes for people. */
  show<T>(answer: T, people: (answer: T) => string): void;
}

const interrupted = new AbortController();
process.once("SIGINT", () => interrupted.abort());

/** The signal that Ctrl-C gives. */
export const interruption: AbortSignal = interrupted.signal;

/** Runs `work` with a client made from the global options, and closes the client whatever comes. */
export async function withContext(command: Command, work: (context: Context) => Promise<void>): Promise<void> {
  const {
    server,
    reason,
    json = false,
  } = command.optsWithGlobals<{
    server?: string;
    reason?: string;
    json?: boolean;
  }>();
  const client = new Client(currentSettings({ server }), reason);
  try {
    await work({ client, json, signal: interruption, show: (answer, people) => show(json, answer, people) });
  } finally {
    await client.close();
  }
}

export function show<T>(json: boolean, answer: T, people: (answer: T) => string): void {
  const text = json ? plainJson(answer) : people(answer);
  if (text !== "") process.stdout.write(text.endsWith("\n") ? text : `${text}\n`);
}
