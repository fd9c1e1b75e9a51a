import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { evaluate } from "./evaluate.js";

// What each of these would take is bounded by counts, not by a clock, so the same input is refused on every machine. That a bound is reached early enough is
// what this test is for: without its bound each file runs for seconds to hours, and the test for as long.
const again = (text: string, count: number): string => text.repeat(count);
const hostile: readonly (readonly [name: string, source: string])[] = [
  ["a text repeated too often", "x='a'*10**9\n"],
  ["a list repeated too often", "x=[0]*10**9\n"],
  ["a text that doubles", `x='a'\n${again("x=x+x\n", 40)}`],
  ["a list that doubles in place", `x=[1]\n${again("x+=x\n", 40)}`],
  ["a list that grows while it is looped over", "x=[1]\nfor i in x: x.append(i)\n"],
  ["a list that holds itself", "x=[]\nx.append(x)\n"],
  ["a list of lists of the same list", `x=[]\n${again("x=[x,x]\n", 30)}y=str(x)\n`],
  ["a power", "x=10**10**10\n"],
  ["a shift", "x=1<<10**9\n"],
  ["large products", `x=3**25000\n${again("x=x*x\n", 100)}`],
  ["large numbers written out", `x=10**11000\n${again("y=str(x)\n", 3000)}`],
  ["large numbers read", `${again("x=int('9'*5000)\n", 6000)}`],
  ["a wide format", "x='%1000000000d' % 1\n"],
  ["a precise format", "x='%.1000000000f' % 1.0\n"],
  ["a wide format from a value", "x='%*d' % (10**9, 1)\n"],
  ["a wide format()", "x='{0:1000000000}'.format(1)\n"],
  ["replacements that grow", "x='a'*1000\nfor i in range(1000): x=x.replace('','a')\n"],
  ["a join that grows", "x=('a'*100000).join(['b']*100000)\n"],
  ["a long range", "x=range(10**9)\n"],
  ["loops within loops", "x=[1 for i in range(1000) for j in range(1000)]\n"],
  ["a pattern that blows up elsewhere", "import re\nfor i in range(9999): re.search('(a*)*b','a'*5000)\n"],
  ["a pattern of repeated repeats", "import re\nx=re.search('((((a{1,10}){1,10}){1,10}){1,10}){1,10}','a')\n"],
  ["many patterns", `import re\n${again("x=re.search('[a-z]+[0-9]+$','a')\n", 6000)}`],
  ["titles of long texts", `x='aB '*300000\n${again("x.title()\n", 300)}`],
  ["slices of long texts beyond the first plane", `x=u'\\U0001F600'*500000\n${again("y=x[::2]\n", 300)}`],
  ["paths of many parts", `import os\nx='a/'*500000\n${again("y=os.path.normpath(x)\n", 300)}`],
  ["percent signs", `x='%%'*500000\n${again("y=x % ()\n", 300)}`],
  ["deep brackets", `x=${again("(", 50_000)}1${again(")", 50_000)}\n`],
  ["a long chain", `x=${again("1+", 50_000)}1\n`],
  ["a long path", `x=''${again(".upper()", 10_000)}\n`],
  ["many signs", `x=${again("-", 100_000)}1\n`],
  ["too many words", again("x=1\n", 200_000)],
  ["a long number", `x=${again("9", 1_000_000)}\n`],
];

describe("evaluate() ends with one diagnostic, and nothing else, on", () => {
  test.each(hostile)("%s", (_name, source) => {
    const evaluation = evaluate(source, { file: "image.conf" });
    expect(evaluation).toEqual({ ok: false, diagnostics: [expect.objectContaining({ severity: "error" })] });
  });
});

test("evaluate() answers every mixture of words, twice the same, and throws on none", () => {
  const words =
    "x y = == += ( ) [ ] { } , : ; . + - * / % ** // < > in not and or if else for is lambda 1 0x 08 2.5 1e 'a' \"b\" ''' \\ # $ ` @ os re range(3) import del pass";
  const word = fc.constantFrom(...words.split(" "), "\n", "\n  ", "\n\t", "\r\n", "\f", "\u00e9", "\0");
  const mixture = fc.array(word, { maxLength: 30 }).map((picked) => picked.join(" "));
  fc.assert(
    fc.property(fc.oneof(mixture, fc.string({ unit: "binary" })), (source) => {
      const evaluation = evaluate(source, { file: "image.conf", predefined: "vm_conf" });
      expect(evaluate(source, { file: "image.conf", predefined: "vm_conf" })).toEqual(evaluation);
      if (evaluation.ok) return;
      expect(evaluation.diagnostics).toHaveLength(1);
      expect(evaluation.diagnostics[0]?.line).toBeLessThanOrEqual(source.split(/\r\n|\r|\n/).length);
    }),
    { numRuns: 1000 },
  );
});
