// The scripts of the bench of load, which start no program of their own while they are measured.
import { randomUUID } from "node:crypto";

/** Of all jobs together. */
export const linesPerSecond = 100_000;
export const seconds = 15;
/** Each script prints a block of lines so often: to wake 200 scripts for each line would be most of what two cores can. */
const blocksPerSecond = 2;
const linesPerBlock = (jobs: number): number => linesPerSecond / jobs / blocksPerSecond;
const endSpreadSeconds = 60;

/**
 * All begin together when the gate opens; each sleeps until its next block is due, so that a late one catches up. They do not end all in one moment: a proof starts
 * a program, here 200 of them on the machine that is measured, and not one on each of so many hosts.
 */
export const loudScript = (jobs: number): string => `#!/bin/bash
exec 9<> <(:)
block=
for ((i = 1; i <= ${linesPerBlock(jobs)}; i++)); do
  printf -v line 'line %03d of a block of job %s\\n' "$i" "$CONVIRT_JOB_ID"
  block+=$line
done
echo ready
until [ -e "$CONVIRT_STORE/../../../gate" ]; do read -r -t 0.5 -u 9; done
start=\${EPOCHREALTIME/./}
for ((n = 1; n <= ${seconds * blocksPerSecond}; n++)); do
  printf '%s' "$block"
  left=$((start + n * ${1_000_000 / blocksPerSecond} - \${EPOCHREALTIME/./}))
  ((left > 0)) && printf -v wait '%d.%06d' $((left / 1000000)) $((left % 1000000)) && read -r -t "$wait" -u 9
done
echo done
printf -v wait '%d.%d' $((RANDOM % ${endSpreadSeconds})) $((RANDOM % 10))
read -r -t "$wait" -u 9
exit 0
`;
export const linesOfJob = (jobs: number): number => seconds * blocksPerSecond * linesPerBlock(jobs);

export const bytesOfJob = (jobs: number): number =>
  linesOfJob(jobs) * ("line 001 of a block of job \n".length + randomUUID().length) + "ready\ndone\n".length;

/** Prints a line a second until its gate opens. */
export const waitingScript = `#!/bin/bash
exec 9<> <(:)
until [ -e "$CONVIRT_STORE/../../../end" ]; do
  echo waiting
  read -r -t 1 -u 9
done
`;
