import { describe, expect, test } from "vitest";
import type { Diagnostic } from "./diagnostic.js";
import { lintImage } from "./lint.js";

const good = { imageConf: "size=1\n", vmConf: "name=''\nmemory=64\n", script: "#!/bin/bash\nexit 0\n" };

function lint(
  change: {
    name?: string;
    imageConf?: string;
    vmConf?: string;
    script?: string;
    executable?: boolean;
    more?: Parameters<typeof lintImage>[0] extends infer I ? Partial<I> : never;
  } = {},
): Diagnostic[] {
  const image = { ...good, ...change };
  const files = new Map([
    ["image.conf", { text: image.imageConf, executable: false }],
    ["vm_conf.template", { text: image.vmConf, executable: false }],
    ["provision.sh", { text: image.script, executable: change.executable ?? true }],
  ]);
  return lintImage({ name: change.name ?? "Image", files, ...change.more });
}

describe("lintImage() finds", () => {
  test("nothing in an image that is as it should be", () => {
    expect(lint()).toEqual([]);
  });

  const cases: [string, Parameters<typeof lint>[0], Partial<Diagnostic>][] = [
    ["a syntax error", { imageConf: "a = 1\nb = (\n" }, { file: "image.conf", code: "syntax", severity: "error" }],
    [
      "a refused construct, and says what to write instead",
      { imageConf: "\nf = lambda: 1\n" },
      { line: 2, column: 5, code: "refused_construct", severity: "error" },
    ],
    [
      "a name that is not there",
      { imageConf: "a = b\n" },
      { line: 1, column: 5, code: "evaluation_failed", severity: "error" },
    ],
    ["a missing name", { vmConf: "memory=1\n" }, { file: "vm_conf.template", code: "missing_name", severity: "error" }],
    [
      "a dropped type",
      { imageConf: "\na = True\n" },
      { line: 2, column: 1, code: "dropped_type", severity: "warning" },
    ],
    [
      "a name that nothing fills in",
      { vmConf: "name=''\nextra='root=$WHERE'\n" },
      { line: 2, code: "left_over_name", severity: "error" },
    ],
    [
      "a key that xl does not know, with the nearest",
      { vmConf: "name=''\nmemroy=64\n" },
      { line: 2, code: "unknown_xl_key", severity: "warning", advice: "Did you mean memory?" },
    ],
    [
      "an upper-case key",
      { vmConf: "name=''\nMemory=64\n" },
      { line: 2, code: "upper_case_key", severity: "warning", advice: "Write memory if that is meant." },
    ],
    ["a fraction for xl", { vmConf: "name=''\nmemory=1.5\n" }, { line: 2, code: "xl_number", severity: "error" }],
    ["a negative number for xl", { vmConf: "name=''\nvcpus=-1\n" }, { line: 2, code: "xl_number", severity: "error" }],
    [
      "a disk that xl refuses",
      { vmConf: "name=''\ndisk=['nfs:/a,xvda,w']\n" },
      { line: 2, code: "xl_disk", severity: "error" },
    ],
    [
      "a network entry that xl refuses",
      { vmConf: "name=''\nvif=['speed=9']\n" },
      { line: 2, code: "xl_vif", severity: "error" },
    ],
    [
      "a customizable option that names nothing",
      { imageConf: "customizable_options=['no']\n" },
      { code: "unknown_customizable_option", severity: "warning" },
    ],
    [
      "a computed option that names nothing",
      { imageConf: "computed_options=['no']\n" },
      { code: "unknown_computed_option", severity: "warning" },
    ],
    [
      "a script that is not executable",
      { executable: false },
      { file: "provision.sh", code: "script_not_executable", severity: "error" },
    ],
    [
      "a script without an interpreter",
      { script: "exit 0\n" },
      { line: 1, code: "script_without_interpreter", severity: "error" },
    ],
    [
      "a script that calls python",
      { script: "#!/bin/bash\nx=$(python -c 1)\n" },
      { line: 2, column: 5, code: "script_calls_python", severity: "warning" },
    ],
    ["DOS line ends", { imageConf: "a=1\nb=2\r\n" }, { line: 2, column: 4, code: "crlf", severity: "warning" }],
    [
      "DOS line ends behind the interpreter, which nothing can run",
      { script: "#!/bin/bash\r\n" },
      { code: "crlf", severity: "error" },
    ],
    [
      "a secret in clear",
      { imageConf: "admin_password='hunter2'\n" },
      { line: 1, code: "secret_in_clear", severity: "warning" },
    ],
    ["a byte order mark", { imageConf: "\ufeffa=1\n" }, { line: 1, code: "byte_order_mark", severity: "warning" }],
    ["bytes that are no UTF-8", { imageConf: "a='\ufffd'\n" }, { code: "not_utf8", severity: "warning" }],
    [
      "a name that cannot be a key",
      { vmConf: "name=''\n_my_variable=1\n" },
      { line: 2, code: "not_a_key", severity: "info" },
    ],
    ["a value that xl has no words for", { vmConf: "name=''\nextra={'a':1}\n" }, { line: 2, code: "xl_value" }],
    [
      "a name that the script's own shell needs",
      { imageConf: "a=1\nPATH='/opt/bin'\n" },
      { file: "image.conf", line: 2, column: 1, code: "reserved_name", severity: "warning" },
    ],
    [
      "a value that ConVirt would have mangled",
      { imageConf: "hash='$1$abc'\n" },
      { line: 1, code: "mangled_value", severity: "info" },
    ],
    [
      "an image for another platform",
      { vmConf: "name=''\nplatform='kvm'\n" },
      { line: 2, code: "platform_not_provisioned", severity: "warning" },
    ],
    ["a name that no image can have", { name: "a b" }, { code: "bad_image_name", severity: "error" }],
    [
      "what bash says of the script",
      { more: { shellErrors: [{ file: "provision.sh", line: 7, message: "syntax error" }] } },
      { line: 7, code: "script_syntax", severity: "error" },
    ],
    [
      "markup that is not shown",
      { more: { strippedHtml: [{ file: "description.htm", line: 3, what: "<script>" }] } },
      { file: "description.htm", line: 3, code: "stripped_html", severity: "warning" },
    ],
  ];
  test.each(cases)("%s", (_title, change, expected) => {
    const found = lint(change);
    expect(found).toContainEqual(expect.objectContaining(expected));
    for (const one of found) expect(one.message.length * one.advice.length).toBeGreaterThan(0);
  });

  test("a missing file of each of the three", () => {
    const found = lintImage({ name: "Empty", files: new Map() });
    expect(found.map((one) => [one.file, one.code])).toEqual([
      ["image.conf", "missing_file"],
      ["provision.sh", "missing_script"],
      ["vm_conf.template", "missing_file"],
    ]);
  });
});

test("lintImage() does not take a commented call, a computed variable or a reference for a fault", () => {
  const vmConf =
    "name=''\nimport os\nmy_arch=os.uname()[4]\ncomputed_options=['my_arch']\nkernel='/boot/$KIND'\nbase=64\nmemory=base*2\n";
  expect(
    lint({
      imageConf: "KIND='x'\ndb_password=''\napi_token='$SECRET_OF_THE_HOST'\n",
      vmConf,
      script: "#!/bin/bash\n# python is not needed\n",
    }),
  ).toEqual([]);
});
