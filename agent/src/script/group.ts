// The process group of a script, which may live on when the script itself has ended. A group's number is not given away while the group has a member, but it is once it
// is empty; so a group whose leader is gone is only taken for the script's when one of its members was seen in it while the leader lived, or carries the job's id.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { bootId } from "../host/facts.js";
import { isRunning, type ProcessIdentity, parseIdentity, stateOf } from "../process/identity.js";
import { isOfJob } from "../process/marked.js";

export class ScriptGroup {
  readonly #note: string;
  readonly #jobId: string;
  /** Start times of members by their number, as they were last seen. */
  #seen = new Map<number, string>();

  /** `folder`: the job's, where the runner notes the script's process. */
  constructor(folder: string, jobId: string) {
    this.#note = join(folder, "script");
    this.#jobId = jobId;
  }

  /** Sends it to all members. False when there is none to be found, yet or any more. */
  signal(signal: "SIGTERM" | "SIGKILL"): boolean {
    const leader = this.#leader();
    if (leader === undefined || !this.#look(leader)) return false;
    try {
      process.kill(-leader.pid, signal);
      return true;
    } catch {
      return false;
    }
  }

  get isThere(): boolean {
    const leader = this.#leader();
    return leader !== undefined && (isRunning(leader) || this.#look(leader));
  }

  #leader(): ProcessIdentity | undefined {
    try {
      const leader = parseIdentity(readFileSync(this.#note, "utf8"));
      return leader?.boot === bootId() ? leader : undefined;
    } catch {
      // The runner has not come to it yet.
      return undefined;
    }
  }

  /** Notes who is in the group; false when nobody is, or when it is not the script's. */
  #look({ pid, start }: ProcessIdentity): boolean {
    const first = stateOf(pid);
    // One that has the number and another start: it was given away.
    if (first !== undefined && first.start !== start) return false;
    const members = new Map<number, string>();
    for (const name of readdirSync("/proc")) {
      const state = /^\d+$/.test(name) ? stateOf(Number(name)) : undefined;
      if (state?.group === pid) members.set(Number(name), state.start);
    }
    const isOurs = [...members].some(
      ([member, since]) =>
        (member === pid && since === start) || this.#seen.get(member) === since || isOfJob(member, this.#jobId),
    );
    if (isOurs) this.#seen = members;
    return isOurs;
  }
}
