// Tells systemd that the agent is ready, and that it is alive. Inert without NOTIFY_SOCKET. Node has no datagram sockets of the Unix kind, so the system's own
// `systemd-notify` speaks for us; the unit allows it by NotifyAccess=all.
import { plainEnvironment, run } from "../process/run.js";

const notifyLimitMs = 5_000;

export interface Notifier {
  /** Again when the status is another. `status`: one line for `systemctl status`. */
  ready(status: string): Promise<void>;
  stop(): void;
}

/** `environment`: what systemd gave. A watchdog interval that cannot be kept is refused here, at start. */
export function createNotifier(environment: Readonly<Record<string, string | undefined>>): Notifier {
  const socket = environment["NOTIFY_SOCKET"];
  if (socket === undefined) return { ready: async () => undefined, stop: () => undefined };
  const say = async (...words: string[]) => {
    const signal = AbortSignal.timeout(notifyLimitMs);
    await run(["systemd-notify", ...words], {
      signal,
      timeoutMs: notifyLimitMs,
      env: { ...plainEnvironment, NOTIFY_SOCKET: socket },
    });
  };
  const watchdogUs = Number(environment["WATCHDOG_USEC"] ?? 0);
  if (!Number.isFinite(watchdogUs) || (watchdogUs > 0 && watchdogUs < 2_000_000))
    throw new Error(`WATCHDOG_USEC=${watchdogUs}: the watchdog must wait at least 2 s`);
  const timer = watchdogUs > 0 ? setInterval(() => void say("WATCHDOG=1"), watchdogUs / 2000) : undefined;
  timer?.unref();
  return {
    ready: (status) => say("--ready", `--status=${status}`),
    stop: () => clearInterval(timer),
  };
}
