// Which programs were run on behalf of a request: whoever asked is told, and it is recorded. Asking the toolstack for what there is counts for nothing.
import { AsyncLocalStorage } from "node:async_hooks";

const under = new AsyncLocalStorage<string[]>();

/** Runs `work`, and says what it noted. */
export async function withCommands<T>(work: () => Promise<T>): Promise<{ result: T; commands: string[] }> {
  const commands: string[] = [];
  return { result: await under.run(commands, work), commands };
}

/** To be called when the program is about to be run; outside of `withCommands` nobody asks. */
export function noteCommand(command: readonly string[]): void {
  under.getStore()?.push(shellLine(command));
}

/** The line that would run the same in a shell. */
export function shellLine(command: readonly string[]): string {
  return command
    .map((word) => (/^[A-Za-z0-9_./:=@%+,-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`))
    .join(" ");
}
