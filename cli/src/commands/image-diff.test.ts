import type { FileDiff, ImageDiff } from "@convirt/contract/image";
import { expect, test } from "vitest";
import { diffText } from "./image-diff.js";

const version = { version: "a".repeat(64), seenAt: "2026-11-27T09:00:00.000Z", files: 1, bytes: 1, current: false };
const state = { mode: "0644", bytes: 1536, sha256: "b".repeat(64) };
const common = { shown: "text" as const, hunks: [], coarse: false, linesLeftOut: 0, before: state, after: state };

function diffOf(...files: (Partial<FileDiff> & Pick<FileDiff, "path" | "change">)[]): ImageDiff {
  const whole = files.map((file): FileDiff => ({ ...common, ...file }));
  return { image: "Tiny", before: version, after: version, files: whole, same: 0, filesLeftOut: 0 };
}

const hunk = (lines: string[]) => ({ oldStart: 1, oldLines: 1, newStart: 1, newLines: 1, lines });
const evil = "\u001b]0;owned\u0007\u001b[2J\u009b31m\u202etxt.exe\r";

test("a diff is written as a patch, exactly, for a program", () => {
  const diff = diffOf(
    { path: "a file", change: "changed", hunks: [hunk([`-${evil}`, "+b"])] },
    { path: "new", change: "added", before: null, hunks: [{ ...hunk(["+x"]), oldStart: 0, oldLines: 0 }] },
    { path: "run", change: "mode_changed", after: { ...state, mode: "0755" } },
  );
  expect(diffText(diff, "exact")).toBe(
    [
      ...["diff --git a/a file b/a file", "--- a/a file\t", "+++ b/a file\t", "@@ -1,1 +1,1 @@", `-${evil}`, "+b"],
      ...["diff --git a/new b/new", "new file mode 100644", "--- /dev/null", "+++ b/new", "@@ -0,0 +1,1 @@", "+x"],
      ...["diff --git a/run b/run", "old mode 100644", "new mode 100755", ""],
    ].join("\n"),
  );
});

test("a diff can do nothing to a terminal: what would drive it is shown, in names as in texts", () => {
  const diff = diffOf({ path: "gpj\u202e", change: "changed", hunks: [hunk([`+${evil}`])] });
  const plain = diffText(diff, "plain");
  expect(plain).not.toMatch(/(?!\n)[\p{Cc}\u202e]/u);
  expect(plain).toContain("+\\x1b]0;owned\\x07\\x1b[2J\\x9b31m\\u202etxt.exe\\x0d\n");
  const coloured = diffText(diff, "coloured");
  const bare = [1, 2, 31, 32, 36, 0].reduce((text, code) => text.replaceAll(`\u001b[${code}m`, ""), coloured);
  expect(bare).toBe(plain);
  expect(coloured).toContain("\u001b[32m+\\x1b]0");
});

test("what is not shown is said, with the reason", () => {
  const diff = diffOf(
    { path: "disk", change: "changed", shown: "binary", after: { ...state, bytes: 3 } },
    { path: "long", change: "changed", hunks: [hunk(["-a", "+b"])], coarse: true, linesLeftOut: 7 },
  );
  const text = diffText({ ...diff, filesLeftOut: 2 }, "plain");
  expect(text).toContain("# disk: changed, 1.5 KiB to 3 B; it is no text.\n");
  expect(text).toContain("# 7 more lines of it are not shown.\n");
  expect(text).toContain("# 2 more files differ; they are not shown.\n");
});
