// Which process is meant, across restarts of the agent and of the host: a number alone is used again, with its start time and the boot it is not.
import { readFileSync } from "node:fs";
import { bootId } from "../host/facts.js";

/** As the kernel gives it: number, start in clock ticks after the boot, boot. Written with blanks between. */
export interface ProcessIdentity {
  pid: number;
  start: string;
  boot: string;
}

export function parseIdentity(text: string): ProcessIdentity | undefined {
  const [pid = "", start = "", boot = ""] = text.trim().split(" ");
  return /^[1-9]\d*$/.test(pid) && boot !== "" ? { pid: Number(pid), start, boot } : undefined;
}

export interface ProcessState {
  group: number;
  session: number;
  start: string;
}

/** From /proc/PID/stat; undefined when there is no such process, or only what is left of one that ended. */
export function stateOf(pid: number): ProcessState | undefined {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, "latin1");
  } catch {
    return undefined;
  }
  // The name stands in brackets and may hold anything.
  const [state = "", , group, session, ...rest] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  if (state === "Z" || state === "X") return undefined;
  return { group: Number(group), session: Number(session), start: rest[15] ?? "" };
}

export function isRunning(one: ProcessIdentity): boolean {
  return one.boot === bootId() && stateOf(one.pid)?.start === one.start;
}

/** Milliseconds since the boot, sleep included: no clock that is set makes it jump. */
export function uptimeMs(): number {
  return Number.parseFloat(readFileSync("/proc/uptime", "latin1")) * 1000;
}
