// How the command line ends: one number per kind of outcome, the same for every command. docs/cli.md lists them for scripts.

export const exitCodes = {
  ok: 0,
  /** The thing said no: lint found errors, the job failed, the request was refused. */
  refused: 1,
  /** The words on the command line are off. */
  usage: 2,
  /** Not signed in, or not allowed. */
  denied: 3,
  /** The controller cannot be reached, or answered as no controller does. */
  unreachable: 4,
  /** What was named is not there. */
  notFound: 5,
  /** A fault of our own. */
  internal: 70,
  interrupted: 130,
} as const;

/** Ends the command with a sentence for people on stderr, and its code for programs. */
export class CommandFailed extends Error {
  override readonly name = "CommandFailed";
  readonly exitCode: number;
  /** The body as the controller sent it, for `--json`. */
  readonly body: unknown;
  constructor(exitCode: number, message: string, body?: unknown) {
    super(message);
    this.exitCode = exitCode;
    this.body = body;
  }
}
