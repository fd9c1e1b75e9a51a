import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { evaluate } from "./evaluate.js";
import { type RenderRequest, renderImage } from "./render.js";
import type { Options } from "./value.js";
import { flattenXlOptions, parseXlConfig } from "./xl/config.js";
import { parseXlDisk } from "./xl/disk.js";
import { renderXl } from "./xl/render.js";

const request = (more: Partial<RenderRequest> = {}): RenderRequest => ({
  image: "Image",
  location: "Image",
  imageConf: "DIR='/vm'\nbridge='xenbr0'\n",
  vmConf: "name=''\nmemory=64\ndisk=['file:$DIR/$VM_NAME.img,xvda,w']\nvif=['mac=$AUTOGEN_MAC,bridge=$bridge']\n",
  vmName: "Joe",
  host: { machine: "x86_64" },
  variables: { store: "/store", serverName: "xen1" },
  enforceCustomizable: true,
  toolstack: "xl",
  nextMac: () => "00:16:3e:01:02:03",
  ...more,
});

/** Text that a person can type: everything but control characters. */
const typed = fc.string({ unit: "binary", maxLength: 60 }).filter((text) => !/\p{Cc}|\p{Cs}/u.test(text));

function read(text: string): Record<string, string> {
  const parsed = parseXlConfig(text);
  if (!parsed.accepted) throw new Error(parsed.diagnostics[0]?.message);
  return flattenXlOptions(parsed.options);
}

describe("renderXl()", () => {
  test("writes every text so that xl reads the same", () => {
    fc.assert(
      fc.property(typed, typed, fc.bigInt({ min: 0n, max: 2n ** 63n - 1n }), (extra, title, memory) => {
        const options: Options = new Map<string, string | bigint>([
          ["extra", `x${extra}`],
          ["root", `y${title}`],
          ["memory", memory],
        ]);
        expect(read(renderXl(options, { vmName: "v" }).text)).toEqual({
          name: "v",
          extra: `x${extra}`,
          root: `y${title}`,
          memory: memory.toString(),
        });
      }),
    );
  });

  test("writes a disk so that nothing in its path can become another option", () => {
    fc.assert(
      fc.property(
        typed.filter((path) => !path.includes(",") && path.trim() === path),
        (path) => {
          const { text, diagnostics } = renderXl(new Map([["disk", [`file:/${path},xvda,w`]]]), { vmName: "v" });
          expect(diagnostics).toEqual([]);
          const verdict = parseXlDisk(read(text)["disk[0]"] ?? "");
          // A path that ends with a comma or blank loses nothing: the target is the last and takes all.
          expect(verdict.accepted && verdict.disk).toEqual({
            target: `/${path}`,
            vdev: "xvda",
            script: null,
            backend: null,
            readwrite: true,
            cdrom: false,
            format: "raw",
          });
        },
      ),
    );
  });

  test("speaks xl's words: type for builder, phy for LVM, no hvmloader, no device model, on_poweroff for on_shutdown", () => {
    const options: Options = new Map<string, string | string[]>([
      ["builder", "hvm"],
      ["kernel", "/usr/lib/xen/boot/hvmloader"],
      ["device_model", "/usr/lib/xen/bin/qemu-dm"],
      ["disk", ["LVM:/dev/vg/a,hda,w", "phy:/dev/cdrom,hdc:cdrom,r", "tap:aio:/b,hdb,w!"]],
      ["on_shutdown", "destroy"],
      ["os_name", "Windows"],
      ["VM_DISKS_DIR", "/x"],
    ]);
    expect(read(renderXl(options, { vmName: "v" }).text)).toEqual({
      name: "v",
      type: "hvm",
      "disk[0]": "format=raw,vdev=hda,access=rw,target=/dev/vg/a",
      "disk[1]": "format=raw,vdev=hdc,access=ro,devtype=cdrom,target=/dev/cdrom",
      "disk[2]": "format=raw,vdev=hdb,access=rw,target=/b",
      on_poweroff: "destroy",
    });
  });
});

describe("renderImage()", () => {
  test("fills in the VM, the image's options and a new address at each use", () => {
    const rendered = renderImage(request());
    expect(rendered.ok && rendered.diagnostics).toEqual([]);
    expect(rendered.ok && read(rendered.vmConfig)).toEqual({
      name: "Joe",
      memory: "64",
      "disk[0]": "format=raw,vdev=xvda,access=rw,target=/vm/Joe.img",
      "vif[0]": "mac=00:16:3e:01:02:03,bridge=xenbr0",
    });
  });

  test("lets no value add a part to a disk or network entry", () => {
    fc.assert(
      fc.property(typed, (value) => {
        const rendered = renderImage(request({ imageValues: { DIR: `/${value}`, bridge: value } }));
        if (!rendered.ok || rendered.diagnostics.some((one) => one.severity === "error")) return;
        const config = read(rendered.vmConfig);
        const disk = parseXlDisk(config["disk[0]"] ?? "");
        expect(disk.accepted && disk.disk).toMatchObject({
          vdev: "xvda",
          script: null,
          backend: null,
          format: "raw",
          cdrom: false,
        });
        expect((config["vif[0]"] ?? "").split(",").map((part) => part.split("=")[0])).toEqual(["mac", "bridge"]);
      }),
      { numRuns: 500 },
    );
    for (const evil of ["x,script=/tmp/evil", "x,backend=1", "a,b", "x,"]) {
      const rendered = renderImage(request({ imageValues: { bridge: evil } }));
      expect(rendered.ok && rendered.diagnostics.map((one) => one.code)).toContain("xl_vif");
    }
  });

  test("refuses what the image does not let one set, by name, and gives nothing then", () => {
    const conf = "DIR='/vm'\nbridge='xenbr0'\ncustomizable_options=['bridge']\n";
    expect(renderImage(request({ imageConf: conf, imageValues: { DIR: "/x", bridge: "br1" } }))).toEqual({
      ok: false,
      diagnostics: [],
      refusals: [{ name: "DIR", code: "not_customizable", message: expect.stringContaining('"DIR"') }],
    });
  });

  test("keeps keys that are root on the host from those who may not set them", () => {
    const values = {
      vmValues: { kernel: "/etc/shadow" },
      vmConf: "name=''\nkernel='/k'\n",
      enforceCustomizable: false,
    };
    expect(renderImage(request({ ...values, allowPrivileged: false }))).toMatchObject({
      ok: false,
      refusals: [{ name: "kernel" }],
    });
    expect(renderImage(request({ ...values, allowPrivileged: true })).ok).toBe(true);
  });

  test("takes the host's bridge, else image.conf's DEFAULT_BRIDGE, else xenbr0", () => {
    const vmConf = "name=''\nextra='$DEFAULT_BRIDGE'\n";
    const extra = (more: Partial<RenderRequest>) => {
      const rendered = renderImage(request({ vmConf, ...more }));
      return rendered.ok ? read(rendered.vmConfig)["extra"] : undefined;
    };
    expect(extra({})).toBe("xenbr0");
    expect(extra({ imageConf: "DEFAULT_BRIDGE='br7'\n" })).toBe("br7");
    expect(
      extra({ imageConf: "DEFAULT_BRIDGE='br7'\n", variables: { store: "/s", serverName: "x", bridge: "br9" } }),
    ).toBe("br9");
  });
});

test("parseXlConfig() and parseXlDisk() answer every text, and throw on none", () => {
  const soup = fc
    .array(
      fc.constantFrom(
        "k",
        "=",
        '"a"',
        "'",
        "[",
        "]",
        ",",
        "\n",
        "#",
        "1",
        "+=",
        ";",
        "\\",
        "target=",
        ":",
        "file:",
        "cdrom",
        " ",
      ),
      { maxLength: 40 },
    )
    .map((parts) => parts.join(""));
  fc.assert(
    fc.property(fc.oneof(soup, fc.string({ unit: "binary" })), (text) => {
      expect(typeof parseXlConfig(text).accepted).toBe("boolean");
      expect(typeof parseXlDisk(text).accepted).toBe("boolean");
    }),
    { numRuns: 2000 },
  );
});

describe("renderImage() writes what an image of 2009 says", () => {
  test("with a tab in a text, and numbers that only xm's own language has", () => {
    const vmConf = "name=''\nextra='text\\tconsole=xvc0'\nbig=1e300\n";
    const xl = renderImage(request({ vmConf }));
    expect(xl.ok && xl.diagnostics).toEqual([]);
    expect(xl.ok && read(xl.vmConfig)["extra"]).toBe("text\tconsole=xvc0");
    const xm = renderImage(request({ vmConf, toolstack: "xm" }));
    const again = evaluate(xm.ok ? xm.vmConfig : "", { file: "joe" });
    expect(again.ok && Object.fromEntries(again.options)).toEqual({
      name: "Joe",
      extra: "text\tconsole=xvc0",
      big: 1e300,
    });
  });

  test("and names the place of a name that nothing fills in", () => {
    const vmConf = "name=''\ndisk=['file:/a,xvda,w',\n  'file:${WHERE}/b,xvdb,w']\nextra='$VM_NAME $WHEREVER $WHERE'\n";
    const rendered = renderImage(request({ vmConf }));
    expect(rendered.diagnostics.map((one) => [one.code, one.line, one.column])).toEqual([
      ["left_over_name", 3, 9],
      ["left_over_name", 4, 17],
      ["left_over_name", 4, 27],
    ]);
  });
});
