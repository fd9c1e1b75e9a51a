import { Tuple } from "../value.js";
import { Callable, Instance, Iteration, Long, Module, type Thing } from "./thing.js";

/** Python 2's name of a thing's type. Text is `str`, whatever its prefix was. */
export function typeName(thing: Thing): string {
  if (thing === null) return "NoneType";
  if (typeof thing === "string") return "str";
  if (typeof thing === "bigint") return "int";
  if (typeof thing === "number") return "float";
  if (typeof thing === "boolean") return "bool";
  if (Array.isArray(thing)) return "list";
  if (thing instanceof Map) return "dict";
  if (thing instanceof Tuple) return "tuple";
  if (thing instanceof Long) return "long";
  if (thing instanceof Module) return "module";
  if (thing instanceof Callable || thing instanceof Instance || thing instanceof Iteration) return thing.typeName;
  return thing satisfies never;
}
