// Hostile texts through every text field of the API: each is refused with a code of the closed list, or comes back byte for byte. No answer is ever a page, whatever is in it.
import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { failureCodes, refusalCodes } from "@convirt/contract/error";
import { root } from "@convirt/demo/installation";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import {
  addHostileHost,
  domainNames,
  failBy,
  hostileHost,
  hostname,
  until,
  volumeGroups,
  wrong,
  xenVersion,
} from "./hostile-host.js";
import { hostileTexts, wellFormed } from "./hostile-texts.js";
import { startInstallation, type TestInstallation } from "./testing.js";

vi.setConfig({ testTimeout: 240_000 });
let t: TestInstallation;
const all = Object.entries(hostileTexts);
const lineOf = (what: string) => `printf '%s\\n' ${what}`;

beforeAll(async () => {
  t = await startInstallation(["xen1"]);
  const imageConf =
    "VM_CONF_DIR='/c'\ngreeting='x'\nlist=['x']\ncustomizable_options=['VM_CONF_DIR','greeting','list']\n";
  const vmConf = "name=''\nmemory=32\ntype='pvh'\nkernel='/bin/sh'\n";
  await t.addImage("Plain", { imageConf, vmConf, script: "#!/bin/bash\nexit 0\n" });
  writeFileSync(join(t.store, "texts"), wellFormed.map(([, text]) => text).join("\n"));
  await t.addImage("Says", {
    imageConf,
    vmConf,
    script: `#!/bin/bash\ncat '${join(t.store, "texts")}'\n${lineOf("'end'")}\nexit 3\n`,
  });
}, 240_000);
afterAll(() => t.stop());

interface Answer {
  status: number;
  // biome-ignore lint/suspicious/noExplicitAny: what a test asks of an answer, the test's own expectations check.
  body: any;
}

/** An answer, after a look at what a browser would make of it. */
async function ask(
  method: string,
  path: string,
  body?: unknown,
  headers: Record<string, string> = {},
): Promise<Answer> {
  const response = await fetch(`${t.installation.httpUrl}/api/v1${path}`, {
    method,
    redirect: "manual",
    headers: {
      authorization: `Bearer ${t.installation.client.token}`,
      ...(body === undefined ? {} : { "content-type": "application/json" }),
      ...headers,
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const type = response.headers.get("content-type");
  expect(`${method} ${path.slice(0, 60)}: ${type}`).toMatch(/: application\/json(; charset=utf-8)?$/);
  expect(response.headers.get("x-content-type-options")).toBe("nosniff");
  expect([...response.headers.keys()].filter((name) => /cookie|evil/.test(name))).toEqual([]);
  return { status: response.status, body: await response.json() };
}

const codes = { ...refusalCodes, ...failureCodes };

/** Refused in order; false when it was taken. */
function isRefused({ status, body }: Answer): boolean {
  if (status < 400) return false;
  expect(status).toBeLessThan(500);
  expect(Object.keys(codes)).toContain(body.code);
  return true;
}

/** Each text is sent by `send`, which gives the answer and how to read the text back. */
async function throughAll(
  texts: readonly [string, string][],
  send: (text: string) => Promise<{ answer: Answer; read: () => Promise<unknown>; wanted?: unknown }>,
): Promise<{ taken: string[]; refused: string[] }> {
  const [taken, refused]: [string[], string[]] = [[], []];
  for (const [name, text] of texts) {
    const { answer, read, wanted = text } = await send(text);
    if (isRefused(answer)) refused.push(name);
    else {
      taken.push(name);
      expect({ [name]: await read() }).toEqual({ [name]: wanted });
    }
  }
  return { taken, refused };
}

describe("a hostile text comes back as it was written, or is refused with a code,", () => {
  test("as the name of a token", async () => {
    const { taken, refused } = await throughAll(all, async (name) => {
      const answer = await ask("POST", "/tokens", { name });
      const read = async () =>
        (await ask("GET", "/tokens?perPage=1000")).body.items.find(({ id }: { id: string }) => id === answer.body.id)
          ?.name;
      return { answer, read };
    });
    expect(taken).toEqual(
      expect.arrayContaining(["script", "an attribute added", "letters turned round", "what objects have"]),
    );
    expect(refused).toEqual(
      expect.arrayContaining([
        "a NUL",
        "a terminal's escapes",
        "a line of its own",
        "half a character",
        "the other half",
        "nothing",
        "a long word",
      ]),
    );
  });

  test("as the reason of a job, and as the value of an option", async () => {
    const send = (body: object) =>
      ask("POST", "/jobs/dry-run", {
        image: "Plain",
        host: "xen1",
        vm: "x",
        imageConf: t.installation.places("xen1"),
        ...body,
      });
    const provision = (vm: string, body: object) => ask("POST", "/jobs", { image: "Plain", host: "xen1", vm, ...body });
    let number = 0;
    const { VM_CONF_DIR = "" } = t.installation.places("xen1");
    const detail = async (answer: Answer) => (await ask("GET", `/jobs/${answer.body.id}`)).body;
    const reasons = await throughAll(all, async (reason) => {
      number += 1;
      const answer = await provision(`r${number}`, { imageConf: { VM_CONF_DIR }, reason });
      return { answer, read: async () => (await detail(answer)).reason };
    });
    expect(reasons.taken).toContain("script");
    expect(reasons.refused).toEqual(expect.arrayContaining(["a NUL", "half a character", "a long word"]));
    const values = await throughAll(all, async (greeting) => {
      number += 1;
      const answer = await provision(`v${number}`, { imageConf: { VM_CONF_DIR, greeting } });
      return { answer, read: async () => (await detail(answer)).request.imageConf.greeting };
    });
    expect(values.taken).toEqual(expect.arrayContaining(["script", "a formula", "a shell's", "a long word"]));
    expect(values.refused).toEqual(expect.arrayContaining(["a NUL", "a terminal's escapes", "half a character"]));
    for (const [, text] of all) isRefused(await send({ imageConf: { [text]: "x" }, vmConf: { [text]: [text] } }));
    expect(spawnSync("ls", ["/tmp/convirt-evil"]).status).not.toBe(0);
  });

  test("as the reason of any act, in the audit", async () => {
    await throughAll(wellFormed, async (text) => {
      const answer = await ask(
        "POST",
        "/tokens",
        { name: "for its reason" },
        { "convirt-reason": encodeURIComponent(text) },
      );
      const read = async () => (await ask("GET", "/audit?action=createToken&perPage=1")).body.items[0].reason;
      // A line of a log: what would steer a terminal is a blank, and blanks around are none.
      return { answer, read, wanted: text.replace(/\p{Cc}/gu, " ").trim() || null };
    });
  });

  test("as the name of a user, a group, a tag, a host, an image, a scope", async () => {
    const names: [string, (text: string) => Promise<Answer>][] = [
      ["user", (username) => ask("POST", "/users", { username, password: "a long password" })],
      ["group", (group) => ask("PATCH", "/users/admin", { groups: [group] })],
      ["tag", (tag) => ask("PUT", "/hosts/xen1/tags", { tags: [tag] })],
      ["host", (host) => ask("POST", "/hosts/invitations", { host })],
      ["image", (name) => ask("POST", "/images/Plain/create-like", { name })],
      ["grantee", (name) => ask("POST", "/grants", { subject: { kind: "user", name }, role: "viewer" })],
      [
        "scope",
        (name) =>
          ask("POST", "/grants", { subject: { kind: "group", name: "g" }, role: "viewer", scope: `host:${name}` }),
      ],
      ["vm", (vm) => ask("POST", "/jobs", { image: "Plain", host: "xen1", vm })],
    ];
    for (const [kind, send] of names)
      for (const [name, text] of all) {
        const refused = isRefused(await send(text));
        // Names are white lists: what is a name by them can be written anywhere.
        if (!refused) expect(`${kind} ${name}`).toMatch(/ (a constructor|what objects have)$/);
      }
  });

  test("as the name of who signs in, before anybody has, in answer and audit", async () => {
    for (const [, username] of all.slice(0, 12))
      expect(isRefused(await ask("POST", "/session", { username, password: "x" }, { authorization: "" }))).toBe(true);
    const { items } = (await ask("GET", "/audit?action=signIn&outcome=refused&perPage=100")).body;
    expect(items.map(({ username }: { username: string }) => username)).toContain(hostileTexts["script"]);
  });

  test("as what is looked for, and as the name of what is not there", async () => {
    for (const [, text] of wellFormed) {
      const part = encodeURIComponent(text);
      for (const list of [
        "vms?name=",
        "jobs?vm=",
        "audit?text=",
        "hosts?name=",
        "images?name=",
        "users?username=",
        "vms?sort=",
        "tags?tag=",
      ])
        await ask("GET", `/${list}${part}`).then(isRefused);
      // No name holds an é: what was made of these texts before is not what is asked for.
      for (const place of ["vms", "jobs", "hosts", "images", "audit", "images/Plain/files"])
        if (!text.includes("..")) expect(isRefused(await ask("GET", `/${place}/${part}%C3%A9`))).toBe(true);
    }
  });

  test("as the field that nobody knows, at any depth", async () => {
    for (const [, text] of all)
      expect(isRefused(await ask("POST", "/tokens", { name: "x", [`${text}!`]: 1 }))).toBe(true);
    const deep = `${"[".repeat(200_000)}${"]".repeat(200_000)}`;
    const response = await fetch(`${t.installation.httpUrl}/api/v1/jobs`, {
      method: "POST",
      headers: { authorization: `Bearer ${t.installation.client.token}`, "content-type": "application/json" },
      body: `{"image":"Plain","host":"xen1","vm":"x","imageConf":{"greeting":${deep}}}`,
    });
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ code: "invalid_body" });
  });

  test("as a file of an image, and as its description without what is a script", async () => {
    await throughAll(all, async (text) => {
      const path = "/images/Plain/files/provision.sh";
      const { sha256 } = (await ask("GET", path)).body;
      const answer = await ask("PUT", path, { text, sha256, force: true });
      return { answer, read: async () => (await ask("GET", path)).body.text };
    });
    for (const [, text] of all) {
      const path = "/images/Plain/files/description.html";
      const before = await ask("GET", path);
      const saved = await ask("PUT", path, { text: `<p>${text}</p>`, sha256: before.body.sha256 ?? null });
      if (isRefused(saved)) continue;
      const { descriptionHtml } = (await ask("GET", "/images/Plain")).body;
      expect(descriptionHtml).not.toMatch(
        /<(script|iframe|svg|math|style|link|base|meta|object)|<[^>]*\son\w+\s*=|(href|src)\s*=\s*["']?\s*(java|data)/i,
      );
    }
  });

  test("as a line of a log, which is plain text to whoever reads it", async () => {
    const { client } = t.installation;
    const imageConf = { VM_CONF_DIR: t.installation.places("xen1")["VM_CONF_DIR"] ?? "" };
    const { id } = await client.call("provision", { body: { image: "Says", host: "xen1", vm: "says", imageConf } });
    await client.ended(id);
    const response = await client.fetch("readLog", { params: { id } });
    expect(response.headers.get("content-type")).toBe("text/plain; charset=utf-8");
    expect(response.headers.get("x-content-type-options")).toBe("nosniff");
    const wanted = Buffer.concat([readFileSync(join(t.store, "texts")), Buffer.from("end\n")]);
    expect(Buffer.from(await response.arrayBuffer())).toEqual(wanted);
  });

  test("as a name in an archive that is imported", async () => {
    const folder = mkdtempSync(join(t.folder, "archives-"));
    const { client } = t.installation;
    let taken = 0;
    for (const [index, [name, text]] of wellFormed.entries()) {
      const file = text.slice(0, 80).replaceAll("/", "").replaceAll("\u0000", "");
      if (file.trim() === "" || file.startsWith("..")) continue;
      const image = `Archive_${index}`;
      mkdirSync(join(folder, image));
      cpSync(join(t.store, "Says"), join(folder, image), { recursive: true });
      writeFileSync(join(folder, image, file), "x");
      const tar = spawnSync("tar", ["--create", "--directory", folder, image], { maxBuffer: 2 ** 24 });
      const done = await client.call("importImage", { stream: tar.stdout }).then(
        () => true,
        (error: { code: string }) => {
          expect(Object.keys(refusalCodes)).toContain(error.code);
          return false;
        },
      );
      if (!done) continue;
      taken += 1;
      const { files } = (await ask("GET", `/images/${image}`)).body;
      expect({ [name]: files.map(({ path }: { path: string }) => path) }).toEqual({
        [name]: expect.arrayContaining([file]),
      });
    }
    expect(taken).toBeGreaterThan(5);
  });

  test("in the export of the audit, which is JSON and no table that a spreadsheet would reckon with", async () => {
    const response = await t.installation.client.fetch("exportAudit");
    expect(response.headers.get("content-type")).toBe("application/x-ndjson");
    expect(response.headers.get("content-disposition")).toContain("attachment");
    const lines = (await response.text()).trim().split("\n");
    expect(lines.every((line) => line.startsWith('{"') && JSON.parse(line).number > 0)).toBe(true);
  });
});

/** What drives a terminal, or turns a line of it around. */
const drives = /(?![\n\t])[\p{Cc}\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/u;

function convirt(...words: string[]): string {
  const env = {
    PATH: process.env["PATH"] ?? "",
    HOME: t.folder,
    CONVIRT_SERVER: t.installation.httpUrl,
    CONVIRT_TOKEN: t.installation.client.token,
  };
  const done = spawnSync(process.execPath, [join(root, "cli/bin/convirt.js"), ...words], { encoding: "utf8", env });
  expect(`${done.stdout}${done.stderr}`).not.toMatch(drives);
  return done.stdout;
}

describe("what a host tells", () => {
  beforeAll(() => addHostileHost(t), 240_000);

  test("of its domains, its Xen and its disks comes back as it was told, and drives no terminal", async () => {
    const { items, notCompared } = (await ask("GET", `/drift?host=${hostileHost}&perPage=1000`)).body;
    expect(notCompared).toEqual([]);
    expect(items.map(({ name }: { name: string }) => name).sort()).toEqual([...domainNames].sort());
    const { facts } = (await ask("GET", `/hosts/${hostileHost}`)).body;
    expect(facts).toMatchObject({ xenVersion, hostname, diskRoots: expect.arrayContaining(volumeGroups) });
    expect(convirt("host", "drift", "--per-page", "1000")).toContain("<script>window.__xss='script'</script>");
    const shown = convirt("host", "show", hostileHost);
    expect(shown).toContain("\\x1b[2J");
    expect(shown.split("\n").filter((line) => line.startsWith("  disk roots"))).toHaveLength(1);
    for (const words of [
      ["vm", "list"],
      ["host", "list"],
      ["host", "staged", hostileHost],
    ])
      convirt(...words);
    const { facts: again } = JSON.parse(convirt("host", "show", hostileHost, "--json"));
    expect(again).toEqual(facts);
  });

  test("when its xl fails is the message of a job and of the host, word for word, and drives no terminal", async () => {
    failBy(t, "create");
    const body = { image: "Starts", host: hostileHost, vm: "starts", start: true };
    await t.addImage("Starts", {
      imageConf: "VM_CONF_DIR='/c'\ncustomizable_options=['VM_CONF_DIR']\n",
      vmConf: "name=''\nmemory=32\ntype='pvh'\nkernel='/bin/sh'\n",
      script: "#!/bin/bash\nexit 0\n",
    });
    const { VM_CONF_DIR = "" } = t.installation.places(hostileHost);
    const { id } = await t.installation.client.call("provision", { body: { ...body, imageConf: { VM_CONF_DIR } } });
    const job = await t.installation.client.ended(id);
    const last = wrong.trim().split("\n").slice(-8).join("\n");
    expect(job).toMatchObject({ status: "failed", message: expect.stringContaining(last) });
    expect(convirt("job", "show", id)).toContain("DROP TABLE users");
    convirt("job", "list");
    failBy(t, "list");
    const host = async () => (await ask("GET", `/hosts/${hostileHost}`)).body;
    await until(async () => (await host()).toolstackError !== null, "the host's toolstack fails");
    expect((await host()).toolstackError).toContain(last);
    expect(convirt("host", "show", hostileHost)).toContain("DROP TABLE users");
    convirt("host", "list");
  });
});
