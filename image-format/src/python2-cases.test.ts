import { readFileSync } from "node:fs";
import { isDeepStrictEqual } from "node:util";
import { describe, expect, test } from "vitest";
import { evaluate } from "./evaluate.js";
import { reprPython } from "./python-text.js";

/** A file, what Python 2.7 says of its options by `repr` (null: it refuses the file), and the types of what the format drops. */
type Case = [source: string, options: Record<string, string> | null, dropped?: Record<string, string>];

const cases = JSON.parse(
  readFileSync(new URL("../format-cases/python2-cases.json", import.meta.url), "utf8"),
) as Case[];

function ours(source: string): Case[1] | [Case[1], Record<string, string>] {
  const evaluation = evaluate(source, { file: "image.conf" });
  if (!evaluation.ok) return null;
  return [
    Object.fromEntries([...evaluation.options].map(([name, value]) => [name, reprPython(value)])),
    Object.fromEntries(evaluation.dropped),
  ];
}

test("evaluate() gives what Python 2.7 gives, for every recorded file", () => {
  // One test for all: two thousand of their own would take longer than the evaluations.
  const differing = cases.flatMap(([source, options, dropped]) => {
    const expected = options === null ? null : [options, dropped ?? {}];
    const given = ours(source);
    return isDeepStrictEqual(given, expected) ? [] : [{ source, given, expected }];
  });
  expect(differing).toEqual([]);
  expect(cases.length).toBeGreaterThan(2000);
});

describe("evaluate() reads what Python 2 and 3 read alike", () => {
  const options = (source: string): Record<string, unknown> => {
    const evaluation = evaluate(source, { file: "image.conf" });
    if (!evaluation.ok) throw new Error(evaluation.diagnostics[0]?.message);
    return Object.fromEntries(evaluation.options);
  };

  test("line ends within quotes as line feeds, whatever the file's own are", () => {
    expect(options("a='''x\r\ny\rz'''\r\nb=r'''x\r\ny'''\r\nc='x\\\r\ny'\r\nd='\\r\\n'\r\n")).toEqual({
      a: "x\ny\nz",
      b: "x\ny",
      c: "xy",
      d: "\r\n",
    });
  });

  test("text that stands before all else as __doc__", () => {
    expect(options("'About'\na=1\n")).toEqual({ __doc__: "About", a: 1n });
    expect(options("a=1\n'not so'\n")).toEqual({ a: 1n });
  });

  test("no variable of a list comprehension as an option", () => {
    expect(options("x=5\ny=[x*2 for x in (1,2)]\nz=[w for w in 'ab']\n")).toEqual({
      x: 5n,
      y: [2n, 4n],
      z: ["a", "b"],
    });
  });

  test("every variable of the environment as absent", () => {
    expect(options("import os\na=str('HOME' in os.environ)\nb=os.environ.get('HOME','none')\n")).toEqual({
      a: "False",
      b: "none",
    });
  });
});

test("evaluate() refuses codecs that are no encodings, rather than give the text unchanged", () => {
  const evaluation = evaluate("a='x'.encode('hex')\n", { file: "image.conf" });
  expect(evaluation).toMatchObject({ ok: false, diagnostics: [{ code: "refused_construct", line: 1 }] });
});
