// `npm run test:xen -- --record`: makes calls.sh's calls in dom0, and puts what they said in the place of what the tests of fake-xen and of the agent's parsers
// hold. Whether these still pass then is for `npm test` to say.
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { run } from "../src/dom0.js";
import { rig } from "../src/rig.js";

const root = join(import.meta.dirname, "../../..");
const ofFake = join(root, "fake-xen/src/recorded");
const ofAgent = join(root, "agent/src/toolstack/recorded");
const index = "INDEX.tsv";

test(
  "what a real xl says is recorded",
  async () => {
    const { dom0 } = rig();
    await dom0.must("cat >/root/calls.sh", { input: readFileSync(join(import.meta.dirname, "calls.sh")) });
    await dom0.must("bash /root/calls.sh /root/recorded", { limitMs: 15 * 60_000 });
    const folder = mkdtempSync(join(tmpdir(), "convirt-recorded-"));
    try {
      writeFileSync(
        join(folder, "all.tar"),
        (await dom0.must("tar -C /root/recorded -c . | base64")).replaceAll("\n", ""),
        "base64",
      );
      run("tar", ["-C", folder, "-x", "--no-same-owner", "-f", join(folder, "all.tar")]);
      const lines = readFileSync(join(folder, index), "utf8").trim().split("\n");
      expect(lines.length).toBeGreaterThan(80);
      keep(folder, lines);
    } finally {
      rmSync(folder, { recursive: true });
    }
  },
  20 * 60_000,
);

/** Puts each sample where one of its name is, and new ones beside fake-xen; other samples stay as they are. */
function keep(folder: string, lines: string[]): void {
  const rows = new Map(
    readFileSync(join(ofFake, index), "utf8")
      .trim()
      .split("\n")
      .map((line) => [nameOf(line), line]),
  );
  const recorded = new Set(readdirSync(folder));
  for (const line of lines) {
    const name = nameOf(line);
    rows.set(name, line);
    for (const file of [`${name}.txt`, `${name}.stderr.txt`]) {
      for (const place of [ofFake, ofAgent]) {
        if (place === ofAgent && !existsSync(join(ofAgent, file))) continue;
        if (recorded.has(file)) writeFileSync(join(place, file), readFileSync(join(folder, file)));
        else rmSync(join(place, file), { force: true });
      }
    }
  }
  writeFileSync(join(ofFake, index), `${[...rows.values()].join("\n")}\n`);
}

function nameOf(line: string): string {
  return line.split("\t")[0] ?? "";
}
