// The values an option can hold while and after a file is evaluated, as Python 2 types carried by JavaScript ones:
// str and unicode -> string, int and long -> bigint, float -> number, bool -> boolean, None -> null, list -> array,
// dict -> Map, tuple -> Tuple. An int and a float so never get mixed up, and `3` and `3.0` write back as they were.

/** A Python tuple: the format drops it as an option, but expressions use it (`'%s-%d' % (a, b)`). */
export class Tuple<Item = Value> {
  readonly items: readonly Item[];
  constructor(items: readonly Item[]) {
    this.items = items;
  }
}

export type DictKey = string | bigint | number | boolean | null;

/** Any value of the evaluated subset. `bigint` is an int, `number` is a float. */
export type Value = string | bigint | number | boolean | null | Value[] | Map<DictKey, Value> | Tuple;

/** An option that the format carries: str, int (below 2^63), float, list or dict at the top level. */
export type OptionValue = string | bigint | number | Value[] | Map<DictKey, Value>;

/** Options of one file in the order in which their names were first bound. */
export type Options = Map<string, OptionValue>;

/** Python's name of the type of an option that the format does not carry. */
export type DroppedType =
  | "bool"
  | "NoneType"
  | "tuple"
  | "long"
  | "module"
  | "function"
  | "type"
  | "builtin_function_or_method"
  | "instance"
  | "instancemethod"
  | "SRE_Match"
  | "xrange"
  | "enumerate"
  | "listreverseiterator"
  | "dictionary-keyiterator"
  | "dictionary-valueiterator"
  | "dictionary-itemiterator";
