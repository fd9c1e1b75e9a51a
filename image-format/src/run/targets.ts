// What is assigned to, changed in place or deleted: names, elements, slices, and several of them at once.

import { refuse } from "../source/refused.js";
import type { Expression, Target, Trailer } from "../source/syntax.js";
import { binary } from "./arithmetic.js";
import { deleteElement, replaceSlice, setElement } from "./elements.js";
import type { Run } from "./run.js";
import { element, itemsOf, type Slice } from "./sequence.js";
import type { Thing } from "./thing.js";

/** What targets need of those who evaluate what stands in them. */
export interface Scope {
  readonly names: Map<string, Thing>;
  value(expression: Expression): Thing;
  name(name: string, at: number): Thing;
  slice(trailer: Trailer & { kind: "slice" }): Slice;
  unknown(name: string, at: number): Error;
}

export class Targets {
  readonly #scope: Scope;
  readonly #run: Run;

  constructor(scope: Scope, run: Run) {
    this.#scope = scope;
    this.#run = run;
  }

  /** Binds a target to a value, taking it apart where the target has several names. */
  bind(target: Target, value: Thing): void {
    const [scope, run] = [this.#scope, this.#run];
    run.step(target.at);
    if (target.kind === "name") {
      scope.names.set(target.name, value);
      return;
    }
    if (target.kind === "element") {
      const owner = scope.value(target.owner);
      const { trailer } = target;
      if (trailer.kind === "index") setElement(owner, scope.value(trailer.index), value, run);
      else replaceSlice(owner, scope.slice(trailer), value, run);
      return;
    }
    const items = [...itemsOf(value, run)];
    run.make(16 * items.length);
    if (items.length !== target.targets.length) {
      const what =
        items.length > target.targets.length
          ? "too many values to unpack"
          : `need more than ${items.length} values to unpack`;
      throw run.fail("ValueError", what, "Give as many values as names.");
    }
    target.targets.forEach((part, index) => {
      this.bind(part, items[index] ?? null);
    });
  }

  /** `target += operand`, and the like. */
  augment(target: Target, operator: string, operand: Expression, at: number): void {
    const [scope, run] = [this.#scope, this.#run];
    if (target.kind === "name") {
      const held = scope.name(target.name, target.at);
      const by = scope.value(operand);
      run.step(at);
      scope.names.set(target.name, binary(operator, held, by, run, true));
    } else if (target.kind === "element") {
      const owner = scope.value(target.owner);
      if (target.trailer.kind === "slice")
        throw refuse(at, "Changing a slice in place", "Write the assignment in full.");
      const index = scope.value(target.trailer.index);
      run.step(at);
      const held = element(owner, index, run);
      const by = scope.value(operand);
      run.at = at;
      setElement(owner, index, binary(operator, held, by, run, true), run);
    }
  }

  delete(target: Target): void {
    const [scope, run] = [this.#scope, this.#run];
    run.step(target.at);
    if (target.kind === "unpack") for (const part of target.targets) this.delete(part);
    else if (target.kind === "name") {
      if (!scope.names.delete(target.name)) throw scope.unknown(target.name, target.at);
    } else {
      const owner = scope.value(target.owner);
      if (target.trailer.kind === "slice") replaceSlice(owner, scope.slice(target.trailer), undefined, run);
      else deleteElement(owner, scope.value(target.trailer.index), run);
    }
  }
}

/** The names that a target binds. */
export function namesOf(target: Target): string[] {
  if (target.kind === "name") return [target.name];
  return target.kind === "unpack" ? target.targets.flatMap(namesOf) : [];
}
