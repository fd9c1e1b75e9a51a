import { expect, test } from "vitest";
import { noteCommand, shellLine, withCommands } from "./acts.js";

test("what is run for one request is told to that one, whatever runs beside it", async () => {
  let go: () => void = () => undefined;
  const both = new Promise<void>((resolve) => (go = resolve));
  const one = withCommands(async () => {
    noteCommand(["xl", "pause", "1"]);
    await both;
    noteCommand(["xl", "unpause", "1"]);
    return "one";
  });
  const other = withCommands(async () => noteCommand(["lvremove", "--", "vg/a b"]));
  noteCommand(["nobody", "asks"]);
  go();
  expect(await one).toEqual({ result: "one", commands: ["xl pause 1", "xl unpause 1"] });
  expect((await other).commands).toEqual(["lvremove -- 'vg/a b'"]);
});

test.each([
  [["a", "b c"], "a 'b c'"],
  [["it's"], "'it'\\''s'"],
  [["$(x)", ""], "'$(x)' ''"],
])("the line of %j is one that a shell reads as these words", (words, line) => {
  expect(shellLine(words)).toBe(line);
});
