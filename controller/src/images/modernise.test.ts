import { readFile } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import { isGenericScript } from "./modernise.js";

const old = `#!/bin/bash
# provisions a VM
while getopts x:p:s:i:l:c: arg
do
   case "$arg" in
     x) vm_config=$OPTARG;;
   esac
done
source $store/common/defs
source $store/common/functions
source_python_config "$image_conf"
create_disks
`;

describe("isGenericScript()", () => {
  test("recognises the generic script, whatever its spacing and line ends", () => {
    expect(isGenericScript(old)).toBe(true);
    expect(isGenericScript(old.replaceAll("\n", "\r\n").replace("getopts x", "getopts   :x"))).toBe(true);
  });

  test.each([
    ["without one of the flags", old.replace("x:p:s", "x:s")],
    ["that reads no configuration", old.replace("source_python_config", "echo")],
    ["without the store's functions", old.replaceAll("/common/", "/own/")],
    ["whose features stand in comments", old.replace("source_python_config", "# source_python_config")],
    ["that is empty", ""],
  ])("leaves a script alone %s", (_what, script) => {
    expect(isGenericScript(script)).toBe(false);
  });

  test("the shipped script is well formed text that starts with an interpreter", async () => {
    const shipped = await readFile(new URL("../../../image_store/example/provision.sh", import.meta.url), "utf8");
    expect(shipped.startsWith("#!/bin/bash\n")).toBe(true);
  });
});
