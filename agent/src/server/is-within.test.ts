import { expect, test } from "vitest";
import { isWithin } from "./domain-service.js";

test.each([
  ["/a/b", ["/a"], true],
  ["/a/b", ["/a/"], true],
  ["/dev/vg0/web", ["/a", "/dev/vg0"], true],
  ["/a", ["/a"], false],
  ["/ab", ["/a"], false],
  ["/a/../b", ["/a"], false],
  ["/a//b", ["/a"], false],
  ["/a/./b", ["/a"], false],
  ["a/b", ["a"], false],
  ["/a/b", [], false],
])("isWithin(%s, %j) is %s", (path, roots, is) => {
  expect(isWithin(path, roots)).toBe(is);
});
