// Sees to it that nothing is left when the process that makes the faults is itself ended in the middle: a small shell that waits until its standard input ends, as it
// does when nobody holds the other end any more, and then does what could not be done.
import { type ChildProcess, spawn } from "node:child_process";
import type { Socket } from "node:net";

const program = `
cat >/dev/null
for file in $(grep --files-with-matches --no-messages --text --fixed-strings "$1" /proc/[0-9]*/cmdline /proc/[0-9]*/environ); do
  process=\${file#/proc/}
  process=\${process%/*}
  [ "$process" = $$ ] || kill -KILL "$process" 2>/dev/null
done
while read -r _ target _; do
  case $target in "$1"/*) umount --lazy "$target" ;; esac
done </proc/self/mounts
rm -rf "$1"
`;

/** Watches over a folder. Returns how to let go of it, for one who has cleaned up himself. */
export function sweepIfWeDie(folder: string): () => void {
  const sweeper: ChildProcess = spawn("/bin/sh", ["-c", program, "sweeper", folder], {
    detached: true,
    stdio: ["pipe", "ignore", "ignore"],
  });
  sweeper.unref();
  // A pipe to a child keeps the parent's event loop alive, unless it is told not to.
  (sweeper.stdin as Socket | null)?.unref();
  return () => sweeper.kill("SIGKILL");
}
