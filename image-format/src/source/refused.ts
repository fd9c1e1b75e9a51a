import { Stopped } from "./stopped.js";
import type { Token } from "./token.js";

/** What is Python but not part of the format, and what to write instead. */
const refusedKeywords: Readonly<Record<string, readonly [what: string, advice: string]>> = {
  assert: ["assert", "Write an if that sets the option."],
  class: ["a class", "Write the options one by one, or a dict."],
  def: ["a function", "Write the expression where its value is needed."],
  except: ["try and except", "Test first with if; os.path.exists() and x in y are answered."],
  exec: ["exec", "Write the statements themselves."],
  finally: ["try and finally", "Write the statements one after the other."],
  from: ["from ... import", "Write import os, import re or import sys, and os.path, re.search and so on in full."],
  global: ["global", "Leave it out: the file has only one set of names."],
  lambda: ["lambda", "Write the expression where its value is needed."],
  print: ["print", "Leave it out: evaluating a file prints nothing."],
  raise: ["raise", "Leave it out: a file that lacks something is refused by itself."],
  return: ["return", "Leave it out: a file is not a function."],
  try: ["try", "Test first with if; os.path.exists() and x in y are answered."],
  while: ["while", "Write for over a list or range(n)."],
  with: ["with", "Leave it out: a file of options opens nothing."],
  yield: ["yield", "Write a list."],
};

/** Builtins that a file of options has no business with; each has its place in the advice. */
const refusedBuiltins: Readonly<Record<string, string>> = {
  __import__: "Write import os, import re or import sys.",
  apply: "Call the function itself.",
  callable: "Leave it out.",
  classmethod: "Leave it out.",
  compile: "Write the expression itself.",
  delattr: "Leave it out.",
  dir: "Leave it out.",
  eval: "Write the expression itself.",
  execfile: "Write the statements themselves.",
  exit: "Leave it out: a file that lacks something is refused by itself.",
  file: "A file of options opens nothing; os.path.exists() is answered.",
  filter: "Write [x for x in xs if test].",
  frozenset: "Write a list.",
  getattr: "Write the attribute itself.",
  globals: "Write the name itself.",
  hasattr: "Leave it out.",
  hash: "Leave it out.",
  help: "Leave it out.",
  id: "Leave it out.",
  input: "Write the value itself; people are asked for options by ConVirt.",
  isinstance: "Leave it out: the type of an option is the type of its value.",
  issubclass: "Leave it out.",
  iter: "Loop over the list itself.",
  locals: "Write the name itself.",
  map: "Write [f(x) for x in xs].",
  next: "Write xs[0].",
  object: "Write a dict.",
  open: "A file of options opens nothing; os.path.exists() is answered.",
  property: "Leave it out.",
  quit: "Leave it out: a file that lacks something is refused by itself.",
  raw_input: "Write the value itself; people are asked for options by ConVirt.",
  reduce: "Write a for.",
  reload: "Leave it out.",
  set: "Write a list.",
  setattr: "Write the assignment itself.",
  type: "Leave it out: the type of an option is the type of its value.",
  vars: "Write the name itself.",
};

export function refuse(at: number, what: string, advice: string): Stopped {
  return new Stopped("refused_construct", at, `${what} is not part of the format.`, advice);
}

/** Stops at the first word that begins a construct outside the format. */
export function refuseKeywords(tokens: readonly Token[]): void {
  for (const { kind, text, from } of tokens) {
    if (kind === "keyword") {
      const refused = refusedKeywords[text];
      if (refused !== undefined) throw refuse(from, capital(refused[0]), refused[1]);
    } else if (kind === "operator") {
      if (text === "`") throw refuse(from, "Repr in backquotes", "Write repr(x).");
      if (text === "@") throw refuse(from, "@", "Leave it out: the file defines no functions.");
    }
  }
}

/** The refusal of a builtin that exists in Python and not in the format, if it is one. */
export function refusedBuiltin(name: string, at: number): Stopped | undefined {
  const advice = Object.hasOwn(refusedBuiltins, name) ? refusedBuiltins[name] : undefined;
  return advice === undefined ? undefined : refuse(at, `${name}()`, advice);
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
