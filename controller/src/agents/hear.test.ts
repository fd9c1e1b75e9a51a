import { describe, expect, test } from "vitest";
import { Refusal } from "../errors/refusal.js";
import { HostRefusal } from "./agent-error.js";
import { hear, heard } from "./hear.js";

const secret = "corr3ct horse's";
const text = `a ${secret} b ${encodeURIComponent(secret)} c ${btoa(secret)}`;
const hidden = "a (secret) b (secret) c (secret)";

describe("what a host says of a job", () => {
  test("loses its secrets in every text, however deep, and nothing else of it changes", () => {
    const bytes = Buffer.from(text);
    const said = { sequence: 3n, event: { value: { text, list: [text, 1, null], bytes, done: true } } };
    expect(heard(said, [secret])).toEqual({
      sequence: 3n,
      event: { value: { text: hidden, list: [hidden, 1, null], bytes, done: true } },
    });
    expect(heard(said, [])).toBe(said);
  });

  test("is a refusal without them, of the same code and the host's own word", async () => {
    const refused = hear(Promise.reject(new HostRefusal("bad_spec", text)), [secret]);
    await expect(refused).rejects.toMatchObject({ agentCode: "bad_spec", code: "host_refused" });
    await expect(refused).rejects.not.toThrow(/corr3ct/);
    const ours = hear(Promise.reject(new Refusal("bad_request", text, { details: { text } })), [secret]);
    await expect(ours).rejects.toMatchObject({ code: "bad_request", more: { details: { text: expect.anything() } } });
    await expect(ours).rejects.not.toThrow(/corr3ct/);
  });

  test("goes on as it was when it is a bug: that is for our own log", async () => {
    const bug = new TypeError("x is not a function");
    await expect(hear(Promise.reject(bug), [secret])).rejects.toBe(bug);
  });
});
