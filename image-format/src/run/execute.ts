import type { Statement } from "../source/syntax.js";
import { isTrue } from "./compare.js";
import { Evaluator } from "./evaluator.js";
import { modules } from "./modules.js";
import type { Run } from "./run.js";
import type { Module, Thing } from "./thing.js";

type Outcome = "on" | "break" | "continue";

/** Executes the statements of a file, one after the other, on a set of names that begins with `predefined`. */
export class Execution {
  readonly names = new Map<string, Thing>();
  /** Names that `import` bound: they are not options, and nobody expects them to be. */
  readonly imported = new Map<string, Module>();
  readonly #run: Run;
  readonly #evaluator: Evaluator;

  constructor(predefined: readonly string[], run: Run) {
    this.#run = run;
    this.#evaluator = new Evaluator(this.names, run);
    for (const name of predefined) this.#import(name, name);
  }

  /** Names of the file that its own expressions read. */
  get read(): ReadonlySet<string> {
    return this.#evaluator.read;
  }

  /** Executes a whole file. A text that stands alone before all else is its `__doc__`, which Python binds like any name. */
  file(statements: readonly Statement[]): void {
    const first = statements[0];
    if (first?.kind === "expression" && first.value.kind === "literal" && typeof first.value.value === "string")
      this.names.set("__doc__", first.value.value);
    this.block(statements);
  }

  block(statements: readonly Statement[]): Outcome {
    for (const statement of statements) {
      const outcome = this.#statement(statement);
      if (outcome !== "on") return outcome;
    }
    return "on";
  }

  #statement(statement: Statement): Outcome {
    this.#run.step(statement.from);
    switch (statement.kind) {
      case "assign": {
        const value = this.#evaluator.value(statement.value);
        for (const target of statement.targets) this.#evaluator.targets.bind(target, value);
        return "on";
      }
      case "augment":
        this.#evaluator.targets.augment(statement.target, statement.operator, statement.value, statement.at);
        return "on";
      case "expression":
        this.#evaluator.value(statement.value);
        return "on";
      case "delete":
        for (const target of statement.targets) this.#evaluator.targets.delete(target);
        return "on";
      case "import":
        for (const { path, as } of statement.modules) this.#import(path.join("."), as);
        return "on";
      case "pass":
        return "on";
      case "break":
      case "continue":
        return statement.kind;
      case "if":
        return this.#if(statement);
      case "for":
        return this.#for(statement);
    }
  }

  #import(path: string, as: string | undefined): void {
    const name = as ?? path.split(".")[0] ?? path;
    const module = modules.get(as === undefined ? name : path);
    if (module === undefined) throw new Error(`No module ${path}`);
    this.names.set(name, module);
    this.imported.set(name, module);
  }

  #if({ branches, otherwise }: Statement & { kind: "if" }): Outcome {
    for (const { test, body } of branches) {
      this.#run.step(test.at);
      if (isTrue(this.#evaluator.value(test))) return this.block(body);
    }
    return this.block(otherwise);
  }

  #for({ target, iterable, body, otherwise, from }: Statement & { kind: "for" }): Outcome {
    const ended = this.#evaluator.each(iterable, from, (value) => {
      this.#evaluator.targets.bind(target, value);
      return this.block(body) !== "break";
    });
    return ended ? this.block(otherwise) : "on";
  }
}
