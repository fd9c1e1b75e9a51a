import { numberOf } from "./compare.js";
import type { Run } from "./run.js";
import type { CallArguments, Thing } from "./thing.js";
import { typeName } from "./type-name.js";

/** The shape of a function's arguments: names in order, how many of them must be given, and which may be given by name. */
export interface Signature {
  name: string;
  least: number;
  most: number;
  /** Names of the arguments that may be given by name, by their index; others are positional only. */
  named?: readonly string[];
}

/** Lays the arguments of a call out by index; what was not given is undefined. Raises TypeError as Python would. */
export class Given {
  readonly #values: (Thing | undefined)[];
  readonly #signature: Signature;
  readonly #run: Run;

  constructor(args: CallArguments, signature: Signature, run: Run) {
    this.#signature = signature;
    this.#run = run;
    this.#values = [...args.positional];
    for (const [name, value] of args.keywords) {
      const index = signature.named?.indexOf(name) ?? -1;
      if (index < 0) throw this.#fail(`${signature.name}() got an unexpected keyword argument '${name}'`);
      if (this.#values[index] !== undefined)
        throw this.#fail(`${signature.name}() got multiple values for argument '${name}'`);
      this.#values[index] = value;
    }
    const { least, most } = signature;
    const count = this.#values.length;
    const missing = Array.from({ length: least }, (_, index) => this.#values[index]).includes(undefined);
    if (missing || args.positional.length > most || count > Math.max(most, signature.named?.length ?? 0)) {
      const expected = least === most ? String(least) : `${least} to ${most}`;
      throw this.#fail(`${signature.name}() takes ${expected} arguments, ${args.positional.length} given`);
    }
  }

  #fail(message: string): Error {
    return this.#run.fail("TypeError", message, "Give the arguments that the function takes.");
  }

  optional(index: number): Thing | undefined {
    return this.#values[index];
  }

  thing(index: number): Thing {
    return this.#values[index] ?? null;
  }

  text(index: number): string {
    const value = this.#values[index];
    if (typeof value === "string") return value;
    throw this.#fail(`${this.#signature.name}() wants text, not ${typeName(value ?? null)}`);
  }

  integer(index: number): bigint {
    const value = numberOf(this.#values[index] ?? null);
    if (typeof value === "bigint") return value;
    throw this.#fail(`${this.#signature.name}() wants an int, not ${typeName(this.#values[index] ?? null)}`);
  }

  optionalInteger(index: number): bigint | undefined {
    return this.#values[index] === undefined ? undefined : this.integer(index);
  }

  list(index: number): readonly Thing[] | undefined {
    const value = this.#values[index];
    return Array.isArray(value) ? value : undefined;
  }
}

/** A whole number that fits a count: larger ones mean "all", negative ones stay negative. */
export function countOf(value: bigint | undefined, otherwise: number): number {
  if (value === undefined) return otherwise;
  if (value > 2n ** 31n) return 2 ** 31;
  return value < 0n ? -1 : Number(value);
}
