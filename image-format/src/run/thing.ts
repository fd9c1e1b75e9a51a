// What a name can be bound to while a file is being evaluated: the values of the format, and beside them the few things that
// only live in between (longs, modules, functions, match objects, iterators), which an option can never hold.

import type { DictKey, Tuple } from "../value.js";
import type { Run } from "./run.js";

/** A Python 2 `long`: an int that left 64 bits, or was written with an L. The format drops it as an option. */
export class Long {
  readonly value: bigint;
  constructor(value: bigint) {
    this.value = value;
  }
}

/** `os`, `sys`, `re` or `os.path`: a closed table of attributes. */
export class Module {
  readonly name: string;
  readonly attributes: ReadonlyMap<string, Thing>;
  constructor(name: string, attributes: ReadonlyMap<string, Thing>) {
    this.name = name;
    this.attributes = attributes;
  }
}

/** What a call was given. */
export interface CallArguments {
  positional: Thing[];
  keywords: ReadonlyMap<string, Thing>;
}

/** Something that can be called: one of our own functions, never one that a file defined. */
export class Callable {
  readonly name: string;
  readonly typeName: string;
  readonly call: (args: CallArguments, run: Run) => Thing;
  constructor(name: string, typeName: string, call: (args: CallArguments, run: Run) => Thing) {
    this.name = name;
    this.typeName = typeName;
    this.call = call;
  }
}

/** An object with attributes of its own that is neither a value nor a module: a match, a pattern, `os.environ`. */
export class Instance {
  readonly typeName: string;
  readonly attributes: ReadonlyMap<string, Thing>;
  constructor(typeName: string, attributes: ReadonlyMap<string, Thing>) {
    this.typeName = typeName;
    this.attributes = attributes;
  }
}

/** What `xrange`, `enumerate`, `reversed` and `iteritems` give: something to loop over, made whole since it is bounded. */
export class Iteration {
  readonly typeName: string;
  readonly items: Thing[];
  constructor(typeName: string, items: Thing[]) {
    this.typeName = typeName;
    this.items = items;
  }
}

export type Dict = Map<DictKey, Thing>;

export type Thing =
  | string
  | bigint
  | number
  | boolean
  | null
  | Thing[]
  | Dict
  | Tuple<Thing>
  | Long
  | Module
  | Callable
  | Instance
  | Iteration;
