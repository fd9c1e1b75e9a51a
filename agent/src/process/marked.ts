// What a job's script started, known by the job's id in its environment, which children inherit.
import { readFileSync } from "node:fs";

/** False too when the process is gone, or not ours to look at. */
export function isOfJob(pid: number, jobId: string): boolean {
  const wanted = Buffer.from(`CONVIRT_JOB_ID=${jobId}`);
  let environment: Buffer;
  try {
    environment = readFileSync(`/proc/${pid}/environ`);
  } catch {
    return false;
  }
  const at = environment.indexOf(wanted);
  return at >= 0 && (at === 0 || environment[at - 1] === 0) && (environment[at + wanted.length] ?? 0) === 0;
}
