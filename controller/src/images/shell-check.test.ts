import { describe, expect, test } from "vitest";
import { checkShell } from "./shell-check.js";

describe("checkShell()", () => {
  test("finds nothing in a well-formed script and runs nothing of it", async () => {
    expect(await checkShell("provision.sh", "#!/bin/bash\nexit 7\n")).toEqual([]);
  });

  test("names the line of a fault", async () => {
    const [first] = await checkShell("provision.sh", "#!/bin/bash\nif true; then\necho a\n)\n");
    expect(first).toMatchObject({ file: "provision.sh", line: 4 });
  });

  test("is bounded for a script of many faults", async () => {
    expect((await checkShell("provision.sh", "$(\n".repeat(5000))).length).toBeLessThanOrEqual(20);
  });
});
