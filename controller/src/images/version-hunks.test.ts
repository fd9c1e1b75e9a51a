import { applyPatch, formatPatch } from "diff";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Budget, diffTexts } from "./version-hunks.js";

const plenty = (): Budget => ({ lines: 100_000, characters: 1024 * 1024 });
const inTimeMs = 10_000;

/** What the hunks make of `before`; numbered as the library wants them. */
function applied(before: string, { hunks }: ReturnType<typeof diffTexts>): string | false {
  const patch = formatPatch({
    ...{ oldFileName: "a", newFileName: "a", oldHeader: undefined, newHeader: undefined },
    hunks: hunks.map((hunk) => ({
      ...hunk,
      oldStart: hunk.oldLines === 0 ? hunk.oldStart + 1 : hunk.oldStart,
      newStart: hunk.newLines === 0 ? hunk.newStart + 1 : hunk.newStart,
    })),
  });
  return applyPatch(before, patch);
}

describe("the hunks of two texts", () => {
  test("make the one of the other, whether compared line by line or coarsely", () => {
    const line = fc.constantFrom("", "a", "b", "-- c", "++ d", "@@ -1 +1 @@", "\\", "e\r", "\u001b[31m");
    const text = fc.tuple(fc.array(line, { maxLength: 12 }), fc.boolean()).map(([lines, isEnded]) => {
      const joined = lines.join("\n");
      return isEnded && joined !== "" ? `${joined}\n` : joined;
    });
    fc.assert(
      fc.property(text, text, fc.constantFrom(inTimeMs, 0), (before, after, timeoutMs) => {
        const diff = diffTexts(before, after, plenty(), timeoutMs);
        expect(diff.hunks.length > 0).toBe(before !== after);
        if (before !== after) expect(applied(before, diff)).toBe(after);
      }),
      { numRuns: 500 },
    );
  });

  test("count an empty side from the line before it, as a unified diff does", () => {
    expect(diffTexts("", "a\nb\n", plenty(), inTimeMs).hunks).toEqual([
      { oldStart: 0, oldLines: 0, newStart: 1, newLines: 2, lines: ["+a", "+b"] },
    ]);
    expect(diffTexts("a\n", "", plenty(), inTimeMs).hunks).toMatchObject([{ oldStart: 1, newStart: 0, newLines: 0 }]);
  });

  test("say where the last line has no end", () => {
    const [hunk] = diffTexts("a\n", "a", plenty(), inTimeMs).hunks;
    expect(hunk?.lines).toEqual(["-a", "+a", "\\ No newline at end of file"]);
  });

  test("are coarse where texts have little in common, and in time", () => {
    const lines = (mark: string) => Array.from({ length: 40_000 }, (_, index) => `${mark}${index % 977}\n`).join("");
    const begun = performance.now();
    const diff = diffTexts(`top\n${lines("a")}end\n`, `top\n${lines("b")}end\n`, plenty(), 100);
    expect(performance.now() - begun).toBeLessThan(2_000);
    expect(diff.coarse).toBe(true);
    expect(diff.hunks).toHaveLength(1);
    expect(diff.hunks[0]).toMatchObject({ oldStart: 1, oldLines: 40_002, newStart: 1, newLines: 40_002 });
    expect(diff.hunks[0]?.lines.at(-1)).toBe(" end");
  });

  test("of a text that came or went whole are not coarse, however long it is", () => {
    const long = "a line\n".repeat(30_000);
    for (const [before, after] of [
      ["", long],
      [long, ""],
    ] as const)
      expect(diffTexts(before, after, plenty(), inTimeMs)).toMatchObject({
        coarse: false,
        hunks: [{}],
        linesLeftOut: 0,
      });
  });

  test("keep to the budget of the answer, cut into hunks that hold what they say", () => {
    const budget = { lines: 3, characters: 1_000 };
    const { hunks, linesLeftOut } = diffTexts("", "a\nb\nc\nd\ne\n", budget, inTimeMs);
    expect(hunks).toEqual([{ oldStart: 0, oldLines: 0, newStart: 1, newLines: 3, lines: ["+a", "+b", "+c"] }]);
    expect(linesLeftOut).toBe(2);
    expect(diffTexts("x\n", "y\n", budget, inTimeMs)).toEqual({ hunks: [], coarse: false, linesLeftOut: 2 });
    const apart = (mark: string) => `${mark}\n${"same\n".repeat(20)}${mark}\n`;
    const first = { lines: 4, characters: 1_000 };
    expect(diffTexts(apart("a"), apart("b"), first, inTimeMs)).toMatchObject({
      hunks: [{ newStart: 1 }],
      linesLeftOut: 6,
    });
    const narrow = { lines: 100, characters: 10 };
    expect(diffTexts("", `${"x".repeat(100)}\nb\n`, narrow, inTimeMs)).toMatchObject({ hunks: [], linesLeftOut: 2 });
  });
});
