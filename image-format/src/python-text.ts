// How Python 2 writes the values of options: what `%s` and `%r` make of them.

import { reprOf, strOf } from "./run/text.js";
import type { Value } from "./value.js";

/** `'%s' % value`: text as it is, an int in digits, a float to 12 significant digits, a list or dict as its repr. */
export function formatPython(value: Value): string {
  return strOf(value);
}

/** `repr(value)` in Python 2: ASCII alone, bytes of UTF-8 as `\xNN`, a long with its L, the shortest digits of a float. */
export function reprPython(value: Value): string {
  return reprOf(value);
}
