import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { evaluate } from "./evaluate.js";
import { toJsonText } from "./json.js";
import { substituteOptions } from "./substitute.js";
import type { Options } from "./value.js";

const root = join(import.meta.dirname, "..", "format-cases");
const cases = readdirSync(root, { withFileTypes: true }).filter((entry) => entry.isDirectory());
const host = { machine: "x86_64" };

function asJson(options: Options): unknown {
  return JSON.parse(toJsonText(options).replaceAll(/00:16:3e:[0-7][0-9a-f]:[0-9a-f]{2}:[0-9a-f]{2}/g, "<MAC>"));
}

describe("the cases of the format", () => {
  it("exist", () => {
    expect(cases.length).toBeGreaterThan(8);
  });

  it.each(cases.map(({ name }) => name))("%s gives what ConVirt gave", (name) => {
    const read = (file: string): string => readFileSync(join(root, name, file), "utf8");
    const expected = JSON.parse(read("expected.json"));
    const imageConf = evaluate(read("image.conf"), { file: "image.conf", host, predefined: "image_conf" });
    const vmConf = evaluate(read("vm_conf.template"), { file: "vm_conf.template", host, predefined: "vm_conf" });
    const rejected = !imageConf.ok
      ? "image.conf"
      : !vmConf.ok || !vmConf.options.has("name")
        ? "vm_conf.template"
        : undefined;
    expect(rejected).toBe(expected.rejected);
    if (!imageConf.ok || !vmConf.ok || rejected !== undefined) return;
    const macs: string[] = [];
    const bridge = imageConf.options.get("DEFAULT_BRIDGE");
    const substituted = substituteOptions({
      imageConf: imageConf.options,
      vmConf: vmConf.options,
      variables: {
        IMAGE_STORE: "/var/cache/convirt/image_store",
        IMAGE_NAME: name,
        IMAGE_LOCATION: name,
        VM_NAME: "Joe_Desktop",
        SERVER_NAME: "server1.example.com",
        DEFAULT_BRIDGE: typeof bridge === "string" ? bridge : "xenbr0",
      },
      vmName: "Joe_Desktop",
      nextMac: () => `00:16:3e:00:00:${String(macs.push("")).padStart(2, "0")}`,
    });
    expect({
      image_conf: {
        raw: asJson(imageConf.options),
        dropped: Object.fromEntries(imageConf.dropped),
        substituted: asJson(substituted.imageConf),
      },
      vm_conf: {
        raw: asJson(vmConf.options),
        dropped: Object.fromEntries(vmConf.dropped),
        substituted: asJson(substituted.vmConf),
      },
    }).toEqual(expected);
  });
});
