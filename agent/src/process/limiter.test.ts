import { expect, test } from "vitest";
import { Limiter } from "./limiter.js";

const never = new AbortController().signal;

test("Limiter lets so many run at once, and the others in their order", async () => {
  const limiter = new Limiter(2);
  let running = 0;
  let most = 0;
  const order: number[] = [];
  await Promise.all(
    [0, 1, 2, 3, 4].map((index) =>
      limiter.run(never, async () => {
        running += 1;
        most = Math.max(most, running);
        order.push(index);
        await new Promise((resolve) => setImmediate(resolve));
        running -= 1;
      }),
    ),
  );
  expect(most).toBe(2);
  expect(order).toEqual([0, 1, 2, 3, 4]);
  expect(limiter.idle).toBe(true);
});

test("Limiter lets one who gives up leave the queue, and keeps everybody else's place", async () => {
  const limiter = new Limiter(1);
  let release: () => void = () => undefined;
  const first = limiter.run(never, () => new Promise<void>((resolve) => (release = resolve)));
  const impatient = new AbortController();
  const left = limiter.run(impatient.signal, async () => "ran");
  const last = limiter.run(never, async () => "ran");
  impatient.abort(new Error("no longer wanted"));
  await expect(left).rejects.toThrow("no longer wanted");
  release();
  await first;
  expect(await last).toBe("ran");
});

test("Limiter goes on after work that failed", async () => {
  const limiter = new Limiter(1);
  await expect(limiter.run(never, () => Promise.reject(new Error("no")))).rejects.toThrow("no");
  expect(await limiter.run(never, async () => 1)).toBe(1);
});
