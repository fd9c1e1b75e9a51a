// Walks the tree of expressions. Recursion is as deep as brackets are, which the reader bounded; everything longer is a loop.

import { refusedBuiltin } from "../source/refused.js";
import type { ComprehensionClause, Expression, Operand, Trailer } from "../source/syntax.js";
import { Tuple } from "../value.js";
import { binary, unary } from "./arithmetic.js";
import { attribute } from "./attributes.js";
import { builtin } from "./builtins.js";
import { compare, isEqual, isSame, isTrue, keyIn } from "./compare.js";
import type { Run } from "./run.js";
import { contains, element, itemsOf, type Slice, sliced } from "./sequence.js";
import { namesOf, type Scope, Targets } from "./targets.js";
import { Callable, type Dict, type Thing } from "./thing.js";
import { typeName } from "./type-name.js";

// The names that ConVirt replaces in text: people take them for variables.
const templateNames: ReadonlySet<string> = new Set(
  "IMAGE_STORE IMAGE_NAME IMAGE_LOCATION VM_NAME SERVER_NAME DEFAULT_BRIDGE AUTOGEN_MAC".split(" "),
);

export class Evaluator implements Scope {
  readonly names: Map<string, Thing>;
  /** Names of the file that its own expressions read. */
  readonly read = new Set<string>();
  /** What is assigned to. */
  readonly targets: Targets;
  readonly #run: Run;

  constructor(names: Map<string, Thing>, run: Run) {
    this.names = names;
    this.targets = new Targets(this, run);
    this.#run = run;
  }

  value(expression: Expression): Thing {
    const run = this.#run;
    switch (expression.kind) {
      case "literal":
        return expression.value;
      case "name":
        return this.name(expression.name, expression.at);
      case "list":
        return this.#items(expression.items);
      case "tuple":
        return new Tuple(this.#items(expression.items));
      case "dict":
        return this.#dict(expression);
      case "comprehension":
        return this.#comprehension(expression);
      case "unary":
        return this.#unary(expression);
      case "chain":
        return this.#chain(expression);
      case "compare":
        return this.#compare(expression.first, expression.rest);
      case "boolean":
        return this.#boolean(expression);
      case "not": {
        run.step(expression.at);
        const truth = isTrue(this.value(expression.operand));
        return expression.twice ? truth : !truth;
      }
      case "conditional":
        run.step(expression.at);
        return this.value(isTrue(this.value(expression.test)) ? expression.then : expression.otherwise);
      case "path": {
        let thing = this.value(expression.first);
        for (const trailer of expression.trailers) thing = this.#follow(thing, trailer);
        return thing;
      }
    }
  }

  /** What the name stands for; the reading is remembered. */
  name(name: string, at: number): Thing {
    const held = this.names.get(name);
    if (held !== undefined) {
      this.read.add(name);
      return held;
    }
    const function_ = builtin(name);
    if (function_ !== undefined) return function_;
    throw refusedBuiltin(name, at) ?? this.unknown(name, at);
  }

  unknown(name: string, at: number): Error {
    this.#run.at = at;
    const advice = templateNames.has(name)
      ? `Write '$${name}' between quotes: it is replaced in text when a VM is provisioned.`
      : "Define it above, or put text between quotes.";
    return this.#run.fail("NameError", `name '${name}' is not defined`, advice);
  }

  #items(expressions: readonly Expression[]): Thing[] {
    this.#run.make(16 * expressions.length);
    return expressions.map((expression) => {
      if (expression.kind !== "literal") this.#run.step(expression.at);
      return this.value(expression);
    });
  }

  #dict({ pairs }: Expression & { kind: "dict" }): Thing {
    const run = this.#run;
    const dict: Dict = new Map();
    for (const pair of pairs) {
      run.step(pair.key.at);
      run.make(32);
      const value = this.value(pair.value);
      const key = this.value(pair.key);
      run.at = pair.key.at;
      dict.set(keyIn(dict, key, run), value);
    }
    return dict;
  }

  #comprehension({ item, clauses }: Expression & { kind: "comprehension" }): Thing {
    const out: Thing[] = [];
    // The names of a comprehension are its own, as in Python 3: they are no options of the file.
    const own = new Set(clauses.flatMap((clause) => (clause.kind === "for" ? namesOf(clause.target) : [])));
    const before = [...own].map((name) => [name, this.names.get(name)] as const);
    this.#clauses(clauses, 0, () => {
      this.#run.make(16);
      out.push(this.value(item));
    });
    for (const [name, held] of before) {
      if (held === undefined) this.names.delete(name);
      else this.names.set(name, held);
    }
    return out;
  }

  #clauses(clauses: readonly ComprehensionClause[], at: number, produce: () => void): void {
    const clause = clauses[at];
    if (clause === undefined) {
      produce();
      return;
    }
    if (clause.kind === "if") {
      if (isTrue(this.value(clause.test))) this.#clauses(clauses, at + 1, produce);
      return;
    }
    this.each(clause.iterable, clause.at, (value) => {
      this.targets.bind(clause.target, value);
      this.#clauses(clauses, at + 1, produce);
      return true;
    });
  }

  /** Calls `turn` for each element, also those appended meanwhile, until it says false. True when it never did. */
  each(iterable: Expression, at: number, turn: (value: Thing) => boolean): boolean {
    const run = this.#run;
    const over = this.value(iterable);
    run.at = at;
    const size = over instanceof Map ? over.size : undefined;
    const items = itemsOf(over, run);
    for (let index = 0; index < items.length; index += 1) {
      run.step(at);
      if (over instanceof Map && over.size !== size) {
        throw run.fail("RuntimeError", "dictionary changed size during iteration", "Loop over keys().");
      }
      if (!turn(items[index] ?? null)) return false;
    }
    if (over instanceof Map && over.size !== size) {
      run.at = at;
      throw run.fail("RuntimeError", "dictionary changed size during iteration", "Loop over keys().");
    }
    return true;
  }

  #unary({ operators, operand, at }: Expression & { kind: "unary" }): Thing {
    let value = this.value(operand);
    for (let index = operators.length - 1; index >= 0; index -= 1) {
      this.#run.step(at);
      value = unary(operators[index] ?? "+", value, this.#run);
    }
    return value;
  }

  #chain({ first, rest }: Expression & { kind: "chain" }): Thing {
    let value = this.value(first);
    for (const { operator, operand, at } of rest) {
      const right = this.value(operand);
      this.#run.step(at);
      value = binary(operator, value, right, this.#run);
    }
    return value;
  }

  #boolean({ operator, operands, at }: Expression & { kind: "boolean" }): Thing {
    let value: Thing = null;
    for (const operand of operands) {
      this.#run.step(at);
      value = this.value(operand);
      if (isTrue(value) === (operator === "or")) return value;
    }
    return value;
  }

  #compare(first: Expression, rest: readonly Operand[]): Thing {
    let left = this.value(first);
    for (const { operator, operand, at } of rest) {
      const right = this.value(operand);
      this.#run.step(at);
      if (!this.#holds(operator, left, right)) return false;
      left = right;
    }
    return true;
  }

  #holds(operator: string, left: Thing, right: Thing): boolean {
    const run = this.#run;
    switch (operator) {
      case "==":
        return isEqual(left, right, run);
      case "!=":
        return !isEqual(left, right, run);
      case "in":
        return contains(right, left, run);
      case "not in":
        return !contains(right, left, run);
      case "is":
        return isSame(left, right);
      case "is not":
        return !isSame(left, right);
    }
    if (Number.isNaN(left) || Number.isNaN(right)) return false;
    const order = compare(left, right, run);
    if (operator === "<") return order < 0;
    if (operator === ">") return order > 0;
    return operator === "<=" ? order <= 0 : order >= 0;
  }

  #follow(thing: Thing, trailer: Trailer): Thing {
    const run = this.#run;
    switch (trailer.kind) {
      case "attribute":
        run.step(trailer.at);
        return attribute(thing, trailer.name, run);
      case "index": {
        const index = this.value(trailer.index);
        run.step(trailer.at);
        return element(thing, index, run);
      }
      case "slice": {
        const slice = this.slice(trailer);
        run.step(trailer.at);
        return sliced(thing, slice, run);
      }
      case "call":
        return this.#call(thing, trailer);
    }
  }

  slice({ bounds: { lower, upper, step } }: Trailer & { kind: "slice" }): Slice {
    const given = (bound: Expression | undefined): Thing => (bound === undefined ? null : this.value(bound));
    return { lower: given(lower), upper: given(upper), step: given(step) };
  }

  #call(thing: Thing, { positional, keywords, at }: Trailer & { kind: "call" }): Thing {
    const run = this.#run;
    const values = positional.map((argument) => this.value(argument));
    const named = new Map<string, Thing>();
    for (const { name, value } of keywords) named.set(name, this.value(value));
    run.step(at);
    if (thing instanceof Callable) return thing.call({ positional: values, keywords: named }, run);
    throw run.fail("TypeError", `'${typeName(thing)}' object is not callable`, "Remove the brackets.");
  }
}
