import { expect, test } from "vitest";
import { Rooms } from "./rooms.js";

const messageBytes = 1024 * 1024 + 200;

test("memory that was given back is given again, also for a message that is shorter", () => {
  const rooms = new Rooms(2);
  const room = rooms.give(messageBytes);
  expect(room.byteLength).toBeGreaterThanOrEqual(messageBytes);
  expect(rooms.give(messageBytes)).not.toBe(room);
  rooms.back(room);
  expect(rooms.give(messageBytes - 500_000)).toBe(room);
});

test("no more is kept than was agreed, and nothing that is too small for a message", () => {
  const rooms = new Rooms(1);
  const [kept, dropped, small] = [rooms.give(messageBytes), rooms.give(messageBytes), rooms.give(10)];
  for (const room of [small, kept, dropped]) rooms.back(room);
  expect(rooms.give(messageBytes)).toBe(kept);
  expect([small, dropped]).not.toContain(rooms.give(messageBytes));
});
