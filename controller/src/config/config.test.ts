import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import * as z from "zod";
import { ConfigInvalid, configSchema, loadConfig } from "./config.js";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "convirt-config-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function file(text: string): string {
  const path = join(folder, "controller.toml");
  writeFileSync(path, text);
  return path;
}

describe("the settings", () => {
  test("come from the environment first, then from the file, then from their defaults", () => {
    const path = file('data_dir = "/srv/convirt"\n[http]\nlisten = "127.0.0.1:1"\n[log]\nlevel = "warn"\n');
    const config = loadConfig({ CONVIRT_CONFIG: path, CONVIRT_HTTP_LISTEN: "127.0.0.1:2" });
    expect(config.http.listen).toBe("127.0.0.1:2");
    expect(config.data_dir).toBe("/srv/convirt");
    expect(config.log.level).toBe("warn");
    expect(config.https.listen).toBe("0.0.0.0:8443");
    expect(config.advertise).toBe(hostname());
  });

  test("are numbers where numbers are wanted, from the environment too", () => {
    const config = loadConfig({ CONVIRT_CONFIG: file(""), CONVIRT_AUTH_SESSION_HOURS: "1.5" });
    expect(config.auth.session_hours).toBe(1.5);
  });

  test("are refused with all that is wrong at once, and the file's name", () => {
    const path = file('colour = "red"\n[http]\nlisten = "nowhere"\n[auth]\nsession_hours = 0\n');
    expect(() => loadConfig({ CONVIRT_CONFIG: path })).toThrow(ConfigInvalid);
    expect(() => loadConfig({ CONVIRT_CONFIG: path })).toThrow(
      /controller\.toml[\s\S]*http\.listen: must be HOST:PORT[\s\S]*auth\.session_hours[\s\S]*colour/,
    );
  });

  test("are refused when the file that was named is not there, or is no TOML", () => {
    expect(() => loadConfig({ CONVIRT_CONFIG: join(folder, "none.toml") })).toThrow(/Cannot read the settings/);
    expect(() => loadConfig({ CONVIRT_CONFIG: file("= =") })).toThrow(ConfigInvalid);
  });

  test.each(["0.0.0.0:8080", ":8080", "[::]:8080", "192.0.2.1:80", "example.org:80"])(
    "let nothing that is not encrypted leave this machine: http.listen %s",
    (listen) => {
      const path = file("");
      expect(() => loadConfig({ CONVIRT_CONFIG: path, CONVIRT_HTTP_LISTEN: listen })).toThrow(
        /http\.listen: must be an address of this/,
      );
      const trusted = { CONVIRT_CONFIG: path, CONVIRT_HTTP_LISTEN: listen, CONVIRT_HTTP_ANYWHERE: "true" };
      expect(loadConfig(trusted).http.listen).toBe(listen);
      for (const own of ["127.0.0.1:0", "[::1]:8080", "localhost:8080"])
        expect(loadConfig({ CONVIRT_CONFIG: path, CONVIRT_HTTP_LISTEN: own }).http.listen).toBe(own);
    },
  );

  test("want certificate and key where people are to be served with a certificate of one's own", () => {
    expect(() => loadConfig({ CONVIRT_CONFIG: file(""), CONVIRT_WEB_LISTEN: "0.0.0.0:443" })).toThrow(
      /certificate_file and key_file/,
    );
  });

  test("cannot be changed once they are read", () => {
    const config = loadConfig({ CONVIRT_CONFIG: file("") });
    expect(() => Object.assign(config, { advertise: "x" })).toThrow(TypeError);
    expect(() => Object.assign(config.http, { listen: "x" })).toThrow(TypeError);
  });

  test("have a sentence each that says what they are", () => {
    const undescribed: string[] = [];
    for (const [group, schema] of Object.entries(configSchema.shape)) {
      const fields = schema instanceof z.ZodPrefault ? (schema.unwrap() as z.ZodObject).shape : { "": schema };
      for (const [name, field] of Object.entries(fields))
        if ((field as z.ZodType).description === undefined) undescribed.push(`${group}.${name}`);
    }
    expect(undescribed).toEqual([]);
  });
});
