import { maxNesting, maxResult } from "../source/limits.js";
import type { DroppedType, Options, OptionValue, Value } from "../value.js";
import { type DictKey, Tuple } from "../value.js";
import type { Run } from "./run.js";
import { Long, Module, type Thing } from "./thing.js";
import { typeName } from "./type-name.js";

/**
 * The options among the names that are bound at the end, as values of their own: what two names shared is copied, so that no one
 * can change the one through the other. Refuses what no file can hold: a list inside itself, infinity, a module inside a list.
 */
export function exportOptions(
  names: ReadonlyMap<string, Thing>,
  imported: ReadonlyMap<string, Module>,
  run: Run,
): { options: Options; dropped: Map<string, DroppedType> } {
  const options: Options = new Map();
  const dropped = new Map<string, DroppedType>();
  const copier = new Copier(run);
  for (const [name, thing] of names) {
    if (thing instanceof Module && imported.get(name) === thing) continue;
    const carried = typeof thing === "string" || typeof thing === "bigint" || typeof thing === "number";
    if (carried || Array.isArray(thing) || thing instanceof Map) options.set(name, copier.option(name, thing));
    else dropped.set(name, typeName(thing) as DroppedType);
  }
  return { options, dropped };
}

class Copier {
  readonly #run: Run;
  #size = 0;
  #name = "";

  constructor(run: Run) {
    this.#run = run;
  }

  option(name: string, thing: string | bigint | number | Thing[] | Map<DictKey, Thing>): OptionValue {
    this.#name = name;
    return this.#copy(thing, 0) as OptionValue;
  }

  #pay(size: number): void {
    this.#size += size;
    if (this.#size > maxResult) throw this.#run.limit("The options together are larger than 4 MiB");
  }

  #copy(thing: Thing, depth: number): Value {
    if (typeof thing === "string") {
      this.#pay(thing.length + 16);
      return thing;
    }
    this.#pay(16);
    if (typeof thing === "number" && !Number.isFinite(thing)) {
      throw this.#run.fail(
        "OverflowError",
        `${this.#name} holds infinity or nan, which no file can`,
        "Write a finite number.",
      );
    }
    if (thing === null || typeof thing !== "object") return thing;
    if (thing instanceof Long) return thing.value;
    if (depth >= maxNesting)
      throw this.#run.limit(`${this.#name} is nested deeper than ${maxNesting}, or holds itself`);
    if (Array.isArray(thing)) return thing.map((item) => this.#copy(item, depth + 1));
    if (thing instanceof Tuple) return new Tuple(thing.items.map((item) => this.#copy(item, depth + 1)));
    if (thing instanceof Map) {
      return new Map(
        [...thing].map(([key, value]) => [this.#copy(key, depth + 1) as DictKey, this.#copy(value, depth + 1)]),
      );
    }
    throw this.#run.fail(
      "TypeError",
      `${this.#name} holds a ${typeName(thing)}`,
      "Put text, numbers, lists and dicts into it.",
    );
  }
}
