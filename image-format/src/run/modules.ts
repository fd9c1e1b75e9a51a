// `os`, `sys` and `os.path`, as far as a file of options may ask: nothing here reads a disk, an environment or a clock. What the
// host is comes from its reported facts.

import { Tuple } from "../value.js";
import { Given, type Signature } from "./arguments.js";
import { regularExpressions } from "./regular-expressions.js";
import type { Run } from "./run.js";
import { itemsOf } from "./sequence.js";
import { Callable, Instance, Module, type Thing } from "./thing.js";

/** `os.uname()`: a tuple in Python 2, with names for its parts in Python 3. */
export class Uname extends Tuple<Thing> {
  static readonly names = ["sysname", "nodename", "release", "version", "machine"] as const;
}

function callable(
  signature: Signature,
  call: (given: Given, run: Run) => Thing,
  typeName = "function",
): [string, Callable] {
  return [
    signature.name,
    new Callable(signature.name, typeName, (args, run) => call(new Given(args, signature, run), run)),
  ];
}

/** A function of one path. */
function ofPath(name: string, call: (path: string, run: Run) => Thing): [string, Callable] {
  return callable({ name, least: 1, most: 1, named: ["path"] }, (given, run) => {
    const path = given.text(0);
    run.make(2 * path.length);
    run.spend(32 * path.length);
    return call(path, run);
  });
}

function splitPath(path: string): [head: string, tail: string] {
  const cut = path.lastIndexOf("/") + 1;
  const head = path.slice(0, cut);
  return [withoutTrailingSlashes(head), path.slice(cut)];
}

/** Of `/a//` leaves `/a`; slashes alone stay as they are. */
function withoutTrailingSlashes(head: string): string {
  let end = head.length;
  while (end > 0 && head[end - 1] === "/") end -= 1;
  return end === 0 ? head : head.slice(0, end);
}

function splitExtension(path: string): [root: string, extension: string] {
  const dot = path.lastIndexOf(".");
  let name = path.lastIndexOf("/") + 1;
  while (name < dot && path[name] === ".") name += 1;
  return name < dot ? [path.slice(0, dot), path.slice(dot)] : [path, ""];
}

function normalPath(path: string): string {
  if (path === "") return ".";
  const slashes = !path.startsWith("/") ? "" : path.startsWith("//") && !path.startsWith("///") ? "//" : "/";
  const parts: string[] = [];
  for (const part of path.split("/")) {
    if (part === "" || part === ".") continue;
    if (part !== ".." || (slashes === "" && parts.length === 0) || parts.at(-1) === "..") parts.push(part);
    else parts.pop();
  }
  return slashes + parts.join("/") || ".";
}

function join(first: string, rest: readonly Thing[], run: Run): string {
  let path = first;
  for (const part of rest) {
    if (typeof part !== "string") throw run.fail("TypeError", "os.path.join() wants text", "Give text.");
    run.make(path.length + part.length);
    run.spend(path.length);
    if (part.startsWith("/")) path = part;
    else path += path === "" || path.endsWith("/") ? part : `/${part}`;
  }
  return path;
}

function commonPrefix(paths: readonly Thing[], run: Run): string {
  const texts = paths.map((path) => {
    if (typeof path !== "string")
      throw run.fail("TypeError", "os.path.commonprefix() wants a list of text", "Give text.");
    run.spend(path.length);
    return path;
  });
  const [first = "", ...others] = texts;
  let length = first.length;
  for (const other of others) {
    let same = 0;
    while (same < length && first[same] === other[same]) same += 1;
    length = same;
  }
  return first.slice(0, length);
}

const exists = (name: string) => ofPath(name, (path, run) => run.host.pathExists(path));

const osPath = new Module(
  "posixpath",
  new Map<string, Thing>([
    ["join", new Callable("join", "function", joinCall)],
    ofPath("basename", (path) => splitPath(path)[1]),
    ofPath("dirname", (path) => splitPath(path)[0]),
    ofPath("split", (path) => new Tuple<Thing>(splitPath(path))),
    ofPath("splitext", (path) => new Tuple<Thing>(splitExtension(path))),
    ofPath("normpath", (path) => normalPath(path)),
    ofPath("normcase", (path) => path),
    ofPath("isabs", (path) => path.startsWith("/")),
    callable({ name: "commonprefix", least: 1, most: 1 }, (given, run) =>
      commonPrefix(itemsOf(given.thing(0), run), run),
    ),
    exists("exists"),
    exists("lexists"),
    exists("isfile"),
    exists("isdir"),
    ["sep", "/"],
    ["pathsep", ":"],
    ["curdir", "."],
    ["pardir", ".."],
    ["extsep", "."],
  ]),
);

function joinCall(args: { positional: Thing[]; keywords: ReadonlyMap<string, Thing> }, run: Run): Thing {
  const [first, ...rest] = args.positional;
  if (typeof first !== "string" || args.keywords.size > 0)
    throw run.fail("TypeError", "os.path.join() wants text", "Give text.");
  return join(first, rest, run);
}

// The manager's environment is nobody's business: every variable is absent, as `image-format` promises its default.
const environ = new Instance(
  "instance",
  new Map<string, Thing>([
    callable(
      { name: "get", least: 1, most: 2, named: ["key", "failobj"] },
      (given) => given.thing(1),
      "instancemethod",
    ),
    callable({ name: "has_key", least: 1, most: 1 }, () => false, "instancemethod"),
  ]),
);

const os = new Module(
  "os",
  new Map<string, Thing>([
    ["path", osPath],
    ["environ", environ],
    callable({ name: "getenv", least: 1, most: 2, named: ["key", "default"] }, (given) => given.thing(1)),
    callable({ name: "uname", least: 0, most: 0 }, (_, run) => new Uname(run.host.uname), "builtin_function_or_method"),
    ["name", "posix"],
    ["sep", "/"],
    ["pathsep", ":"],
    ["curdir", "."],
    ["pardir", ".."],
    ["extsep", "."],
    ["linesep", "\n"],
    ["devnull", "/dev/null"],
  ]),
);

const sys = new Module(
  "sys",
  new Map<string, Thing>([
    ["platform", "linux2"],
    ["byteorder", "little"],
    ["maxint", 2n ** 63n - 1n],
    ["maxsize", 2n ** 63n - 1n],
    ["version_info", new Tuple<Thing>([2n, 7n, 18n, "final", 0n])],
  ]),
);

/** What `import` can bind. */
export const modules: ReadonlyMap<string, Module> = new Map([
  ["os", os],
  ["os.path", osPath],
  ["sys", sys],
  ["re", regularExpressions],
]);
