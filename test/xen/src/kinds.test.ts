import { afterEach, beforeAll, expect, test } from "vitest";
import { rig } from "./rig.js";

beforeAll(async () => {
  for (const kind of ["pvh", "hvm"])
    await rig().addImage(`Kind_${kind}`, (file, text) =>
      file === "vm_conf.template"
        ? `${text.replace("console=hvc0", "console=ttyS0 console=hvc0")}\ntype='${kind}'\nserial='pty'\n`
        : text,
    );
});
afterEach(() => rig().remove("kind"));

test.each(["pvh", "hvm"])("a guest of type %s boots and is heard", async (kind) => {
  await rig().make(`Kind_${kind}`, "kind");
  await rig().console("kind", /Hello from kind/);
  expect(await rig().dom0.must("xl list -l kind")).toContain(`"type": "${kind}"`);
});
