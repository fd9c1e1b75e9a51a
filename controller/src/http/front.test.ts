import { once } from "node:events";
import { connect } from "node:net";
import { errorBody } from "@convirt/contract/error";
import { DataSource } from "typeorm";
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { HostsService } from "../hosts/hosts.service.js";
import { TestController } from "../testing.js";

let controller: TestController;
let token: string;

beforeAll(async () => {
  controller = await TestController.start();
  token = await controller.tokenFor("admin");
});
afterAll(() => controller.end());
afterEach(() => vi.restoreAllMocks());

const plain = (path: string, headers: Record<string, string> = {}) => fetch(`${controller.url}${path}`, { headers });

describe("an error's answer", () => {
  test("names every field that is wrong, and the one that nobody knows", async () => {
    const body = { username: "A", password: "short", role: "king", colour: "red" };
    const answer = await controller.call("POST", "/users", { token, body });
    expect({ status: answer.status, code: answer.body.code }).toEqual({ status: 400, code: "invalid_body" });
    expect(answer.body.fields.map((field: { path: string }) => field.path).sort()).toEqual([
      "colour",
      "password",
      "role",
      "username",
    ]);
    expect(answer.body.message).toContain("colour");
    expect(errorBody.parse(answer.body)).toEqual(answer.body);
  });

  test("names the fields of a query as well", async () => {
    const answer = await controller.call("GET", "/hosts?perPage=0&page=x", { token });
    expect(answer.body.code).toBe("invalid_body");
    expect(answer.body.fields.map((field: { path: string }) => field.path).sort()).toEqual(["page", "perPage"]);
  });

  test.each([
    ["{bad", "application/json", 400, "invalid_body"],
    ["{}", "text/plain", 415, "unsupported_media_type"],
    ["a=b", "application/x-www-form-urlencoded", 415, "unsupported_media_type"],
    ['"é"', "application/json; charset=latin1", 415, "unsupported_media_type"],
    ["null", "application/json", 400, "invalid_body"],
    ["[]", "application/json", 400, "invalid_body"],
  ])("for the body %s as %s is %i %s", async (body, type, status, code) => {
    const answer = await controller.call("POST", "/users", { token, body, headers: { "content-type": type } });
    expect({ status: answer.status, code: answer.body.code }).toEqual({ status, code });
  });

  test("for an empty body where one is wanted says so", async () => {
    const answer = await controller.call("POST", "/users", { token });
    expect({ status: answer.status, code: answer.body.code }).toEqual({ status: 400, code: "invalid_body" });
  });

  test.each(["/api/v1/nothing", "/api/v1", "/nothing", "/api/v2/hosts", "/api/v1/images/../../../etc/passwd"])(
    "for %s, which nobody serves, is not_found",
    async (path) => {
      const response = await plain(path);
      expect(response.status).toBe(404);
      expect(await response.json()).toMatchObject({ code: "not_found" });
    },
  );

  test("for a path that cannot be decoded is a refusal, and no fault", async () => {
    const response = await plain("/api/v1/hosts/%E0%A4%A");
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ code: "bad_request" });
  });

  test("for a fault of ours is a plain 500, and the log has the stack once", async () => {
    const logged = vi.spyOn(process.stderr, "write").mockReturnValue(true);
    vi.spyOn(controller.get(HostsService), "list").mockRejectedValue(new Error("secret innards"));
    const answer = await controller.call("GET", "/hosts", { token });
    expect(answer.status).toBe(500);
    expect(answer.body).toEqual({
      code: "internal",
      message: "The controller met an error of its own; its log has it",
    });
    expect(logged.mock.calls.length).toBeLessThan(2);
  });
});

describe("a body that is too large", () => {
  test("is refused by its declared length, before it has come, and is not waited for", async () => {
    const socket = connect(Number(new URL(controller.url).port), "127.0.0.1");
    socket.write(
      `POST /api/v1/users HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\nContent-Type: application/json\r\nContent-Length: 100000000\r\n\r\n{"username":"`,
    );
    let answer = "";
    socket.on("data", (chunk: Buffer) => {
      answer += chunk.toString();
    });
    await once(socket, "close");
    expect(answer).toMatch(/^HTTP\/1\.1 413 /);
    expect(answer).toContain('"code":"body_too_large"');
  });

  test("is refused while it comes, when its length was not declared", async () => {
    const socket = connect(Number(new URL(controller.url).port), "127.0.0.1");
    // That the connection breaks under what is still being sent is as it should be.
    const closed = new Promise((resolve) => socket.on("error", () => undefined).once("close", resolve));
    socket.write(
      `POST /api/v1/users HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n`,
    );
    let answer = "";
    socket.on("data", (chunk: Buffer) => {
      answer += chunk.toString();
    });
    const chunk = `10000\r\n${"a".repeat(65_536)}\r\n`;
    let sent = 0;
    const send = () => {
      while (sent < 100_000_000 && answer === "") {
        sent += chunk.length;
        if (!socket.write(chunk)) return;
      }
    };
    socket.on("drain", send);
    send();
    await closed;
    expect(answer).toContain('"code":"body_too_large"');
    expect(sent).toBeLessThan(20_000_000);
  });
});

test("an archive that is refused in its first block does not hold up the next request on its connection", async () => {
  const socket = connect(Number(new URL(controller.url).port), "127.0.0.1");
  let answers = "";
  const both = new Promise<void>((resolve) => {
    socket.on("data", (chunk: Buffer) => {
      answers += chunk.toString();
      if (answers.includes("HTTP/1.1 200 ")) resolve();
    });
  });
  const body = "not an archive ".repeat(20_000);
  socket.write(
    `POST /api/v1/images/import?name=Evil HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\nContent-Type: application/octet-stream\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
  );
  socket.write("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
  await both;
  socket.destroy();
  expect(answers).toMatch(/^HTTP\/1\.1 422 [\s\S]*archive_invalid[\s\S]*HTTP\/1\.1 200 /);
});

describe("headers", () => {
  test("keep a browser to what is the controller's own", async () => {
    const policy = (await plain("/")).headers.get("content-security-policy") ?? "";
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("script-src 'self'");
    expect(policy).toContain("frame-ancestors 'none'");
    expect(policy).not.toMatch(/unsafe|https?:/);
  });

  test("keep answers out of caches, and the server's make to itself", async () => {
    const { headers } = await plain("/api/v1/openapi.json");
    expect(headers.get("cache-control")).toBe("no-store");
    expect(headers.get("x-content-type-options")).toBe("nosniff");
    expect(headers.get("x-powered-by")).toBeNull();
  });
});

describe("beside the API", () => {
  test("/healthz says that the process is up, /readyz that the database answers", async () => {
    expect((await plain("/healthz")).status).toBe(200);
    expect((await plain("/readyz")).status).toBe(200);
    vi.spyOn(controller.get(DataSource), "query").mockRejectedValue(new Error("disk gone"));
    expect((await plain("/readyz")).status).toBe(503);
    expect((await plain("/healthz")).status).toBe(200);
  });

  test("/metrics has figures of jobs, hosts and requests for this machine", async () => {
    const text = await (await plain("/metrics")).text();
    expect(text).toMatch(/^convirt_hosts_in_contact 0$/m);
    expect(text).toMatch(/^convirt_http_request_seconds_count\{method="GET",status="200"\} \d+$/m);
    expect(text).toContain("# TYPE convirt_jobs gauge");
    expect(text).toContain("process_resident_memory_bytes");
  });

  test("/metrics is refused to what comes through a proxy, but for an admin's token", async () => {
    const through = { "x-forwarded-for": "192.0.2.7" };
    const refused = await plain("/metrics", through);
    expect(refused.status).toBe(403);
    expect(await refused.json()).toMatchObject({ code: "forbidden" });
    const viewer = await controller.tokenFor("viewer");
    expect((await plain("/metrics", { ...through, authorization: `Bearer ${viewer}` })).status).toBe(403);
    expect((await plain("/metrics", { ...through, authorization: `Bearer ${token}` })).status).toBe(200);
  });
});
