import { expect, test } from "vitest";
import { createNotifier } from "./notify.js";

test("the notifier does nothing where systemd did not start us", async () => {
  const notifier = createNotifier({});
  await notifier.ready("serves");
  notifier.stop();
});

test.each(["1000000", "soon"])("the notifier refuses a watchdog that it cannot keep: %s", (WATCHDOG_USEC) => {
  expect(() => createNotifier({ NOTIFY_SOCKET: "/run/nobody", WATCHDOG_USEC })).toThrow("at least 2 s");
});
