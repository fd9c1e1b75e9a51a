// Walks the tree of expressions. Recursion is as deep as brackets are, which the reader bounded; everything longer is a loop.

import { refuse, refusedBuiltin } from "../source/refused.js";
import type { ComprehensionClause, Expression, Operand, Target, Trailer } from "../source/syntax.js";
import { Tuple } from "../value.js";
import { binary, grow, unary } from "./arithmetic.js";
import { builtin } from "./builtins.js";
import { compare, isEqual, isSame, isTrue, keyIn } from "./compare.js";
import { dictMethod, listMethod, tupleMethod } from "./list-methods.js";
import { Uname } from "./modules.js";
import type { Run } from "./run.js";
import { contains, element, indexWithin, itemsOf, type Slice, sliced, sliceRange } from "./sequence.js";
import { textMethod } from "./text-methods.js";
import { type CallArguments, Callable, type Dict, Instance, Module, type Thing } from "./thing.js";
import { typeName } from "./type-name.js";

// The names that ConVirt replaces in text: people take them for variables.
const templateNames: ReadonlySet<string> = new Set(
  "IMAGE_STORE IMAGE_NAME IMAGE_LOCATION VM_NAME SERVER_NAME DEFAULT_BRIDGE AUTOGEN_MAC".split(" "),
);

export class Evaluator {
  readonly names: Map<string, Thing>;
  /** Names of the file that its own expressions read. */
  readonly read = new Set<string>();
  readonly #run: Run;

  constructor(names: Map<string, Thing>, run: Run) {
    this.names = names;
    this.#run = run;
  }

  value(expression: Expression): Thing {
    const run = this.#run;
    switch (expression.kind) {
      case "literal":
        return expression.value;
      case "name":
        return this.#name(expression.name, expression.at);
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

  /** Binds a target to a value, taking it apart where the target has several names. */
  bind(target: Target, value: Thing): void {
    const run = this.#run;
    run.step(target.at);
    if (target.kind === "name") {
      this.names.set(target.name, value);
      return;
    }
    if (target.kind === "element") {
      this.#setElement(target, value);
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

  augment(target: Target, operator: string, operand: Expression, at: number): void {
    const run = this.#run;
    if (target.kind === "name") {
      const held = this.#name(target.name, target.at);
      const by = this.value(operand);
      run.step(at);
      this.names.set(target.name, binary(operator, held, by, run, true));
    } else if (target.kind === "element") {
      const owner = this.value(target.owner);
      if (target.trailer.kind === "slice")
        throw refuse(at, "Changing a slice in place", "Write the assignment in full.");
      const index = this.value(target.trailer.index);
      run.step(at);
      const held = element(owner, index, run);
      const by = this.value(operand);
      run.at = at;
      this.#put(owner, index, binary(operator, held, by, run, true));
    }
  }

  delete(target: Target): void {
    const run = this.#run;
    run.step(target.at);
    if (target.kind === "unpack") for (const part of target.targets) this.delete(part);
    else if (target.kind === "name") {
      if (!this.names.delete(target.name)) throw this.#unknown(target.name, target.at);
    } else {
      const owner = this.value(target.owner);
      if (target.trailer.kind === "slice") this.#replaceSlice(owner, this.#slice(target.trailer), undefined);
      else this.#deleteElement(owner, this.value(target.trailer.index));
    }
  }

  #deleteElement(owner: Thing, index: Thing): void {
    const run = this.#run;
    if (Array.isArray(owner)) {
      run.spend(owner.length);
      owner.splice(indexWithin(index, owner.length, "list", run), 1);
    } else if (owner instanceof Map) {
      element(owner, index, run);
      owner.delete(keyIn(owner, index, run));
    } else throw this.#immutable(owner, "deletion");
  }

  #immutable(owner: Thing, what: string): Error {
    return this.#run.fail(
      "TypeError",
      `'${typeName(owner)}' object does not support item ${what}`,
      "Change a list or a dict.",
    );
  }

  #name(name: string, at: number): Thing {
    const held = this.names.get(name);
    if (held !== undefined) {
      this.read.add(name);
      return held;
    }
    const function_ = builtin(name);
    if (function_ !== undefined) return function_;
    throw refusedBuiltin(name, at) ?? this.#unknown(name, at);
  }

  #unknown(name: string, at: number): Error {
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
      this.bind(clause.target, value);
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
        return this.#attribute(thing, trailer.name);
      case "index": {
        const index = this.value(trailer.index);
        run.step(trailer.at);
        return element(thing, index, run);
      }
      case "slice": {
        const slice = this.#slice(trailer);
        run.step(trailer.at);
        return sliced(thing, slice, run);
      }
      case "call":
        return this.#call(thing, trailer);
    }
  }

  #slice({ bounds: { lower, upper, step } }: Trailer & { kind: "slice" }): Slice {
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

  #attribute(thing: Thing, name: string): Thing {
    const run = this.#run;
    if (thing instanceof Module || thing instanceof Instance) {
      const held = thing.attributes.get(name);
      if (held !== undefined) return held;
      const owner = thing instanceof Module ? (thing.name === "posixpath" ? "os.path" : thing.name) : thing.typeName;
      throw refuse(run.at, `${owner}.${name}`, "Write the value itself, or ask os.uname(), os.path or re.search.");
    }
    if (thing instanceof Uname) {
      const at = (Uname.names as readonly string[]).indexOf(name);
      if (at >= 0) return thing.items[at] ?? null;
    }
    const method = thing === builtin("str") ? unboundTextMethod(name) : methodOf(thing, name);
    if (method !== undefined) return new Callable(name, "builtin_function_or_method", method);
    throw run.fail("AttributeError", `'${typeName(thing)}' object has no attribute '${name}'`, "Use another method.");
  }

  #setElement({ owner, trailer }: Target & { kind: "element" }, value: Thing): void {
    const thing = this.value(owner);
    if (trailer.kind === "index") this.#put(thing, this.value(trailer.index), value);
    else this.#replaceSlice(thing, this.#slice(trailer), value);
  }

  #put(owner: Thing, index: Thing, value: Thing): void {
    const run = this.#run;
    if (Array.isArray(owner)) owner[indexWithin(index, owner.length, "list assignment", run)] = value;
    else if (owner instanceof Map) {
      run.make(32);
      owner.set(keyIn(owner, index, run), value);
    } else throw this.#immutable(owner, "assignment");
  }

  /** Sets a slice of a list, or deletes it when there is no value. */
  #replaceSlice(owner: Thing, slice: Slice, value: Thing | undefined): void {
    const run = this.#run;
    if (!Array.isArray(owner)) throw this.#immutable(owner, value === undefined ? "deletion" : "assignment");
    const { start, stop, step } = sliceRange(slice, owner.length, run);
    const added = value === undefined ? [] : [...itemsOf(value, run)];
    run.make(16 * (owner.length + added.length));
    if (step === 1) {
      const tail = owner.slice(Math.max(start, stop));
      owner.length = start;
      grow(owner, added, run);
      grow(owner, tail, run);
      return;
    }
    const places: number[] = [];
    for (let at = start; step > 0 ? at < stop : at > stop; at += step) places.push(at);
    if (value === undefined) {
      const gone = new Set(places);
      const kept = owner.filter((_, at) => !gone.has(at));
      owner.length = 0;
      grow(owner, kept, run);
      return;
    }
    if (places.length !== added.length) {
      const what = `attempt to assign sequence of size ${added.length} to extended slice of size ${places.length}`;
      throw run.fail("ValueError", what, "Give as many values as the slice has.");
    }
    places.forEach((at, index) => {
      owner[at] = added[index] ?? null;
    });
  }
}

function namesOf(target: Target): string[] {
  if (target.kind === "name") return [target.name];
  return target.kind === "unpack" ? target.targets.flatMap(namesOf) : [];
}

/** `str.lower`, for which the text is the first argument: what `sorted(xs, key=str.lower)` names. */
function unboundTextMethod(name: string): ((args: CallArguments, run: Run) => Thing) | undefined {
  const method = textMethod(name);
  if (method === undefined) return undefined;
  return ({ positional: [text = null, ...positional], keywords }, run) => {
    if (typeof text === "string") return method(text, { positional, keywords }, run);
    throw run.fail("TypeError", `str.${name} wants text, not ${typeName(text)}`, "Give text.");
  };
}

function methodOf(thing: Thing, name: string): ((args: CallArguments, run: Run) => Thing) | undefined {
  if (typeof thing === "string") {
    const method = textMethod(name);
    return method === undefined ? undefined : (args, run) => method(thing, args, run);
  }
  if (Array.isArray(thing)) return listMethod(thing, name);
  if (thing instanceof Map) return dictMethod(thing, name);
  return thing instanceof Tuple ? tupleMethod(thing, name) : undefined;
}
