// Scripts of images that faults are tried on. Each notes its run in a file beside the store, so that a second run would be seen whatever becomes of the job.
import type { Random } from "./random.js";

const notesItsRun = `#!/bin/bash
echo "$CONVIRT_JOB_ID" >>"$CONVIRT_STORE/../runs"
`;

/** Prints so many numbered lines, told apart by the job's id, with `pauseMs` behind each. It forks nothing, so that what it prints is all that it costs. */
export function numberedScript(lines: number, pauseMs: number): string {
  const wait = pauseMs === 0 ? ":" : `read -r -t ${(pauseMs / 1000).toFixed(3)} -u 9 || :`;
  return `${notesItsRun}exec 9<> <(:)
for ((i = 1; i <= ${lines}; i++)); do
  printf 'line %06d of %s\\n' "$i" "$CONVIRT_JOB_ID"
  ${wait}
done
`;
}

export function numberedText(lines: number, jobId: string): string {
  return Array.from({ length: lines }, (_, index) => `line ${String(index + 1).padStart(6, "0")} of ${jobId}\n`).join(
    "",
  );
}

/** Bytes that no run before has sent, so that they must be staged. */
export function freshBytes(random: Random, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  for (let at = 0; at + 4 <= length; at += 4) bytes.writeUInt32LE(Math.floor(random.next() * 4_294_967_296), at);
  return bytes;
}

/** Says that it has begun, and waits until its gate is opened. */
export const gatedScript = `${notesItsRun}echo begun
until [ -e "$CONVIRT_STORE/../gate-$CONVIRT_JOB_ID" ]; do sleep 0.05; done
echo ended
`;
export const gatedText = "begun\nended\n";

export function scriptOf(...lines: readonly string[]): string {
  return `${notesItsRun}${lines.join("\n")}\n`;
}
