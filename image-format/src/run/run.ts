import { maxResult, maxSteps, maxWork } from "../source/limits.js";
import { Stopped } from "../source/stopped.js";

/** What the evaluated file may ask about the host it is evaluated for; see `HostView` in `evaluate.ts`. */
export interface HostFacts {
  uname: readonly [sysname: string, nodename: string, release: string, version: string, machine: string];
  pathExists: (path: string) => boolean;
}

/**
 * One evaluation's meter: counts steps and the sizes of what is made, and knows where in the source the evaluation stands, so
 * that whatever fails is reported at its place. Every loop of the evaluator pays here before it turns.
 */
export class Run {
  /** Offset of what is being evaluated. */
  at = 0;
  steps = 0;
  readonly host: HostFacts;
  #work = 0;

  constructor(host: HostFacts) {
    this.host = host;
  }

  step(at: number): void {
    this.at = at;
    this.steps += 1;
    if (this.steps > maxSteps) throw this.limit(`Evaluating the file takes more than ${maxSteps} steps`);
  }

  /** Pays for reading or writing that many characters, or 16 for each element. */
  spend(size: number): void {
    this.#work += size;
    if (this.#work > maxWork) throw this.limit("Evaluating the file handles more data than is allowed");
  }

  /** Pays for a value before it is made. */
  make(size: number): void {
    if (size > maxResult) throw this.limit("A value is larger than 4 MiB");
    this.spend(size);
  }

  limit(message: string): Stopped {
    return new Stopped("limit_exceeded", this.at, `${message}.`, "Write a smaller computation.");
  }

  /** What Python would have raised, as a diagnostic at the place reached. */
  fail(exception: string, message: string, advice = "Correct the expression."): Stopped {
    return new Stopped("evaluation_failed", this.at, `${exception}: ${message}.`, advice);
  }
}
