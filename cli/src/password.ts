// How a password comes in: never as an argument, which others on the machine could read.
import { CommandFailed, exitCodes } from "./exit.js";
import { passwordFromEnvironment } from "./settings.js";

/** From standard input, the environment, or the person at the terminal. */
export async function readPassword(fromStdin: boolean): Promise<string> {
  if (!fromStdin)
    return (
      passwordFromEnvironment() ??
      (await ask(async () => (await import("@inquirer/prompts")).password({ message: "Password" })))
    );
  let text = "";
  for await (const chunk of process.stdin.setEncoding("utf8")) {
    text += chunk;
    if (text.length > 4096)
      throw new CommandFailed(
        exitCodes.usage,
        "Cannot read the password: standard input holds more than 4096 characters.",
      );
  }
  return text.replace(/\r?\n$/, "");
}

/** Throws CommandFailed where there is nobody to ask. */
export async function ask(question: () => Promise<string>): Promise<string> {
  if (!process.stdin.isTTY) {
    throw new CommandFailed(
      exitCodes.usage,
      "Cannot ask for the name and password: standard input is not a terminal. Use --username and --password-stdin.",
    );
  }
  return question();
}
