// Whether anybody else has a file open, answered by the kernel and not by a look round that is stale at once: a write lease is granted only when nobody has, be it a
// program, a mapping or a loop device; and while it is held, whoever opens the file waits. Node cannot ask for one, and no small program does but perl, which every
// Debian has (perl-base): it asks on a file that we have open and hand to it, and the lease stays ours when it has ended, until we close the file.
import { spawn } from "node:child_process";
import { plainEnvironment } from "../process/run.js";

/** After `lease-break-time`, 45 s, the kernel would let others in: what is done under a lease is to take much less. */
const askMs = 5_000;
const ask = "exit(fcntl(STDIN, F_SETLEASE, F_WRLCK) ? 0 : 1)";

/**
 * Takes the write lease on `file`, which is open for writing; it ends when the file is closed. False when somebody else has the file open, and wherever that
 * cannot be told: no perl, a file system without leases, a file of another user.
 */
export function leaseAlone(file: number, perl = "perl"): Promise<boolean> {
  return new Promise((resolve) => {
    const child = spawn(perl, ["-MFcntl=F_SETLEASE,F_WRLCK", "-e", ask], {
      stdio: [file, "ignore", "ignore"],
      env: { ...plainEnvironment },
      timeout: askMs,
      killSignal: "SIGKILL",
    });
    child.once("error", () => resolve(false));
    child.once("exit", (code) => resolve(code === 0));
  });
}
