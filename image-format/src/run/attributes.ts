// What stands behind a dot: what a module or a match has, and the methods of texts, lists, dicts and tuples.

import { refuse } from "../source/refused.js";
import { Tuple } from "../value.js";
import { builtin } from "./builtins.js";
import { dictMethod, listMethod, tupleMethod } from "./list-methods.js";
import { Uname } from "./modules.js";
import type { Run } from "./run.js";
import { textMethod } from "./text-methods.js";
import { type CallArguments, Callable, Instance, Module, type Thing } from "./thing.js";
import { typeName } from "./type-name.js";

type Method = (args: CallArguments, run: Run) => Thing;

/** `thing.name`. Throws what stops the run when there is none, or when the format does not have it. */
export function attribute(thing: Thing, name: string, run: Run): Thing {
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

/** `str.lower`, for which the text is the first argument: what `sorted(xs, key=str.lower)` names. */
function unboundTextMethod(name: string): Method | undefined {
  const method = textMethod(name);
  if (method === undefined) return undefined;
  return ({ positional: [text = null, ...positional], keywords }, run) => {
    if (typeof text === "string") return method(text, { positional, keywords }, run);
    throw run.fail("TypeError", `str.${name} wants text, not ${typeName(text)}`, "Give text.");
  };
}

function methodOf(thing: Thing, name: string): Method | undefined {
  if (typeof thing === "string") {
    const method = textMethod(name);
    return method === undefined ? undefined : (args, run) => method(thing, args, run);
  }
  if (Array.isArray(thing)) return listMethod(thing, name);
  if (thing instanceof Map) return dictMethod(thing, name);
  return thing instanceof Tuple ? tupleMethod(thing, name) : undefined;
}
