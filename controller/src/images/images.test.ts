import { mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { routes } from "@convirt/contract/routes";
import { type ArgumentsHost, type INestApplication, StandardSchemaValidationPipe } from "@nestjs/common";
import { Test } from "@nestjs/testing";
import { TypeOrmModule } from "@nestjs/typeorm";
import request from "supertest";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { AccessService } from "../access/access.service.js";
import { AccessChangesService } from "../access/access-changes.service.js";
import { migrations } from "../database/migrations.js";
import { Refusal } from "../errors/refusal.js";
import { EventsService } from "../events/events.service.js";
import { ImageFiles } from "./files.js";
import { StoredHashes } from "./hash-memory.js";
import { ImageFileHashEntity, ImageTextEntity, ImageVersionEntity, ImageVersionFileEntity } from "./image.entity.js";
import { IMAGE_USERS, type ImageUsers } from "./image-users.js";
import { ImagesController } from "./images.controller.js";
import { ImagesService } from "./images.service.js";
import { IMAGE_SETTINGS } from "./settings.js";
import { ImageTransfer } from "./transfer.js";
import { defaultLimits } from "./tree/archive/limits.js";
import { VersionComparison } from "./version-comparison.js";
import { VersionHistory } from "./version-history.js";

const entities = [ImageVersionEntity, ImageVersionFileEntity, ImageTextEntity, ImageFileHashEntity];
const vmConf = "# kept\nname = ''\nimage_name = 'Tiny'\nmemory = 256 # MiB\ndisk = []\n";
let folder: string;
let store: string;
let app: INestApplication;
let vms: Map<string, number>;

async function makeImage(name: string, files: Record<string, string> = {}): Promise<void> {
  await mkdir(join(store, name), { recursive: true });
  const all = {
    "vm_conf.template": vmConf,
    "image.conf": "# one\nsize = 10\n",
    "provision.sh": "#!/bin/bash\ntrue\n",
    "description.htm": "<b>Tiny</b><script>x</script>",
    ...files,
  };
  for (const [path, text] of Object.entries(all)) {
    await writeFile(join(store, name, path), text, { mode: path.endsWith(".sh") ? 0o755 : 0o644 });
  }
}

/** Everything in the store with its bytes, to see that nothing has changed. */
async function snapshot(at = store): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const entry of await readdir(at, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    found[path] = entry.isFile() ? await readFile(path, "base64") : "folder or link";
  }
  return found;
}

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "convirt-images-"));
  store = join(folder, "store");
  await mkdir(join(store, "common"), { recursive: true });
  await writeFile(join(store, "common", "functions"), "true\n");
  await makeImage("Tiny");
  vms = new Map();
  const users: ImageUsers = {
    countByImage: async (name) => vms.get(name) ?? 0,
    countAll: async () => vms,
    namedVersions: async () => [],
  };
  const testing = await Test.createTestingModule({
    imports: [
      TypeOrmModule.forRoot({
        type: "better-sqlite3",
        database: ":memory:",
        entities,
        migrations,
        migrationsRun: true,
      }),
      TypeOrmModule.forFeature(entities),
    ],
    controllers: [ImagesController],
    providers: [
      EventsService,
      AccessService,
      AccessChangesService,
      StoredHashes,
      VersionHistory,
      VersionComparison,
      ImagesService,
      ImageFiles,
      ImageTransfer,
      { provide: IMAGE_SETTINGS, useValue: { storeDir: store, shippedDir: undefined, archive: defaultLimits } },
      { provide: IMAGE_USERS, useValue: users },
    ],
  }).compile();
  app = testing.createNestApplication({ logger: false });
  const identity = { username: "ada", grants: [{ role: "admin", scope: "everything" }] };
  app.use((request: object, _response: unknown, next: () => void) => {
    Object.assign(request, { identity });
    next();
  });
  app.useGlobalPipes(new StandardSchemaValidationPipe());
  app.useGlobalFilters({
    catch(error: unknown, host: ArgumentsHost) {
      const response = host.switchToHttp().getResponse();
      const code = error instanceof Refusal ? error.code : "bug";
      response.status(error instanceof Refusal ? 422 : 500).json({ code, message: String(error) });
    },
  });
  await app.init();
});
afterEach(async () => {
  await app.close();
  await rm(folder, { recursive: true, force: true });
});

const http = () => request(app.getHttpServer());

describe("images", () => {
  test("are listed with the rejected ones and the reason", async () => {
    await makeImage("bad name");
    await makeImage("Linked");
    await symlink("/etc/passwd", join(store, "Linked", "passwd"));
    await mkdir(join(store, "Empty"));
    await http().post("/images/scan").expect(200);
    const { body } = await http().get("/images?sort=name").expect(200);
    expect(routes.listImages.response.parse(body)).toEqual(body);
    const byName = Object.fromEntries(body.items.map((one: { name: string }) => [one.name, one]));
    expect(Object.keys(byName).sort()).toEqual(["Empty", "Linked", "Tiny", "bad name"]);
    expect(byName["Tiny"]).toMatchObject({ accepted: true, reason: null });
    expect(byName["Linked"].reason).toContain("passwd");
    expect(byName["bad name"].reason).toContain("no name");
    expect(byName["Empty"].accepted).toBe(false);
  });

  test("are shown with a description that is safe, and their files", async () => {
    const { body } = await http().get("/images/Tiny").expect(200);
    expect(routes.showImage.response.parse(body)).toEqual(body);
    expect(body.descriptionHtml).toBe("<b>Tiny</b>");
    expect(body.versions).toHaveLength(1);
    expect(body.diagnostics.map((one: { code: string }) => one.code)).toContain("stripped_html");
  });

  test("come out as an archive and in again under another name", async () => {
    for (const format of ["tar", "gz", "zst"]) {
      const { body } = await http().get(`/images/Tiny/export?format=${format}`).buffer(true).parse(collect).expect(200);
      const reply = await http()
        .post(`/images/import?name=Copy_${format}`)
        .set("content-type", "application/octet-stream")
        .send(body);
      expect(reply.body).toMatchObject({ name: `Copy_${format}`, accepted: true });
      expect(reply.status).toBe(201);
    }
  });

  test("of a taken name are not imported, and the store stays as it was", async () => {
    const { body } = await http().get("/images/Tiny/export").buffer(true).parse(collect);
    const before = await snapshot();
    for (const [query, bytes, code] of [
      ["", body, "name_taken"],
      ["?name=common", body, "bad_image_name"],
      ["?name=common&replace=true", body, "bad_image_name"],
      ["?name=example&replace=true", body, "bad_image_name"],
      ["?name=New", body.subarray(0, 100), "archive_invalid"],
    ] as const) {
      const reply = await http()
        .post(`/images/import${query}`)
        .set("content-type", "application/octet-stream")
        .send(bytes);
      expect(reply.body.code).toBe(code);
    }
    expect(await snapshot()).toEqual(before);
  });

  test("are saved by one of two who save at once", async () => {
    const { body } = await http().get("/images/Tiny/files/image.conf").expect(200);
    const save = (text: string) => http().put("/images/Tiny/files/image.conf").send({ text, sha256: body.sha256 });
    const codes = (await Promise.all([save("a = 1\n"), save("b = 2\n")])).map((reply) => reply.body.code ?? "saved");
    expect(codes.sort()).toEqual(["changed_meanwhile", "saved"]);
  });

  test("refuse a save that lint finds an error in, unless forced", async () => {
    const { body } = await http().get("/images/Tiny/files/image.conf").expect(200);
    const save = { text: "a = = 1\n", sha256: body.sha256 };
    expect((await http().put("/images/Tiny/files/image.conf").send(save)).body.code).toBe("image_rejected");
    expect(await readFile(join(store, "Tiny", "image.conf"), "utf8")).toBe("# one\nsize = 10\n");
    await http()
      .put("/images/Tiny/files/image.conf")
      .send({ ...save, force: true })
      .expect(200);
    expect((await http().get("/images/Tiny")).body.accepted).toBe(false);
  });

  test("take no file that is no text, and none in a place that is no file's", async () => {
    const put = async (path: string, text: string) =>
      (await http().put(`/images/Tiny/files/${path}`).send({ text, sha256: null })).body.code;
    expect(await put("note", "a\0b")).toBe("file_not_editable");
    expect(await put("image.conf/x", "x")).toBe("file_not_editable");
    await writeFile(join(store, "Tiny", "binary"), Buffer.from([0xff, 0xfe, 0]));
    expect((await http().get("/images/Tiny/files/binary")).body.code).toBe("file_not_editable");
  });

  test("give no file from outside the image", async () => {
    await symlink("/etc", join(store, "Tiny", "etc"));
    for (const path of ["..%2f..%2fetc%2fpasswd", "%2e%2e/x", "etc/passwd", "a%00b"]) {
      const reply = await http().get(`/images/Tiny/files/${path}`);
      expect([400, 404, 422]).toContain(reply.status);
    }
  });

  test("lie right in the store: no name leads out of it, nor to the folders that are not images", async () => {
    await mkdir(join(folder, "victim"));
    await writeFile(join(folder, "victim", "kept"), "x");
    const before = await snapshot(folder);
    const names = ["..%2fvictim", "..%2f..%2fetc", "Tiny%2f..%2f..%2fvictim", "%2fetc", ".%2fTiny", "a%00b", "common"];
    for (const name of [...names, "example", ".hidden", "x".repeat(300)]) {
      expect((await http().get(`/images/${name}`)).body.code).toBe("not_found");
      expect((await http().get(`/images/${name}/export`)).body.code).toBe("not_found");
      expect((await http().delete(`/images/${name}?force=true`)).body.code).toBe("not_found");
    }
    expect(await snapshot(folder)).toEqual(before);
    expect((await http().get("/images")).body.total).toBe(1);
  });

  test("that come, change and go by hand are listed so without being asked for", async () => {
    const listed = async () =>
      ((await http().get("/images")).body.items as { name: string; accepted: boolean }[]).map(
        ({ name, accepted }) => `${name} ${accepted}`,
      );
    await makeImage("Added");
    await expect.poll(listed, { timeout: 10_000 }).toEqual(["Added true", "Tiny true"]);
    await writeFile(join(store, "Added", "image.conf"), "a = (\n");
    await expect.poll(listed, { timeout: 10_000 }).toEqual(["Added false", "Tiny true"]);
    await rm(join(store, "Added"), { recursive: true });
    await expect.poll(listed, { timeout: 10_000 }).toEqual(["Tiny true"]);
  }, 40_000);

  test("are made like another, with its own image_name", async () => {
    const { body } = await http().post("/images/Tiny/create-like").send({ name: "Copy" }).expect(201);
    expect(body).toMatchObject({ name: "Copy", accepted: true });
    expect(await readFile(join(store, "Copy", "vm_conf.template"), "utf8")).toBe(vmConf.replace("'Tiny'", "'Copy'"));
    expect((await stat(join(store, "Copy", "provision.sh"))).mode & 0o777).toBe(0o755);
    expect((await http().post("/images/Tiny/create-like").send({ name: "Copy" })).body.code).toBe("name_taken");
  });

  test("keep every other byte when an option is edited", async () => {
    const edit = { vmConf: { set: { memory: 512 } } };
    await http().patch("/images/Tiny/options").send(edit).expect(200);
    expect(await readFile(join(store, "Tiny", "vm_conf.template"), "utf8")).toBe(vmConf.replace("256", "512"));
  });

  test("are judged with texts that are not saved, and options set in those, and nothing is written", async () => {
    const written = await readFile(join(store, "Tiny", "vm_conf.template"), "utf8");
    const text = `# mine\n${vmConf}`;
    const set = await http()
      .post("/images/Tiny/draft")
      .send({ files: { "vm_conf.template": text }, vmConf: { set: { memory: 512 } } })
      .expect(200);
    expect(set.body).toMatchObject({
      accepted: true,
      rewritten: { "vm_conf.template": text.replace("256", "512") },
    });
    const memory = set.body.options.find((option: { name: string }) => option.name === "memory");
    expect(memory).toMatchObject({ default: 512, file: "vm_conf.template" });
    const wrong = await http()
      .post("/images/Tiny/draft")
      .send({ files: { "vm_conf.template": "memory = = 3\n" } })
      .expect(200);
    expect(wrong.body).toMatchObject({ accepted: false, rewritten: {} });
    const error = { file: "vm_conf.template", line: 1, severity: "error" };
    expect(wrong.body.diagnostics).toContainEqual(expect.objectContaining(error));
    expect(await readFile(join(store, "Tiny", "vm_conf.template"), "utf8")).toBe(written);
  });

  test("in use are not removed unless forced", async () => {
    vms.set("Tiny", 2);
    expect((await http().delete("/images/Tiny")).body.code).toBe("image_in_use");
    await http().delete("/images/Tiny?force=true").expect(200);
    expect(await readdir(store)).toEqual(["common"]);
  });

  test("changed on the disk are seen without a scan", async () => {
    const service = app.get(ImagesService);
    const [before, common] = await service.trees("Tiny");
    expect(common?.name).toBe("common");
    await writeFile(join(store, "Tiny", "more"), "x");
    const [after] = await service.trees("Tiny");
    expect(after?.digest).not.toBe(before?.digest);
    expect((await http().get("/images/Tiny")).body.versions).toHaveLength(2);
  });
});

function collect(response: request.Response, done: (error: Error | null, body: Buffer) => void): void {
  const parts: Buffer[] = [];
  const stream = response as unknown as NodeJS.ReadableStream;
  stream.on("data", (chunk: Buffer) => parts.push(chunk));
  stream.on("end", () => done(null, Buffer.concat(parts)));
}
