/**
 * A signal that aborts when `signal` does, or with a TimeoutError after so many milliseconds; `done` is to be called when nobody waits for it any more. Not
 * `AbortSignal.any` of an `AbortSignal.timeout`: nothing holds the second of those, and once it is collected the time is never over (Node 18 to 22).
 */
export function deadline(limitMs: number, signal: AbortSignal): { signal: AbortSignal; done: () => void } {
  const controller = new AbortController();
  const timer = setTimeout(
    () => controller.abort(new DOMException(`${limitMs / 1000} s are over`, "TimeoutError")),
    limitMs,
  );
  timer.unref();
  const follow = () => controller.abort(signal.reason);
  if (signal.aborted) follow();
  else signal.addEventListener("abort", follow, { once: true });
  const done = () => {
    clearTimeout(timer);
    signal.removeEventListener("abort", follow);
  };
  return { signal: controller.signal, done };
}
