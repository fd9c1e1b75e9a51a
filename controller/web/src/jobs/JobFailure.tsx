// A failure is a page: what was asked, in which phase it ended, the host's own words, what is left, what to try.
import type { JobDetail } from "@convirt/contract/job";
import { Link } from "react-router";
import { CodeLink } from "../parts/ErrorCode";
import { count, phaseWords } from "../parts/words";

const tries: Readonly<Record<string, string>> = {
  check_failed: "Mend what the host names, or choose another host; nothing was made.",
  no_space: "Free space on the host, or choose another one; then try again.",
  digest_mismatch: "The files changed on their way. Trying again sends them anew.",
  staging_failed: "Look whether the host is in contact and has space; trying again goes on where it ended.",
  script_failed: "The last lines of the log say why the script gave up. Mend the image or a value, then try again.",
  timed_out: "The script took longer than it was given. Give it more time, or look in the log where it stood still.",
  not_proven: "The script ended well, yet something that it should have made is not there: see what was made.",
  toolstack_failed: "The disks are made; starting failed. Xen's own words are below and in the log.",
  runner_lost:
    "The script's process died and nobody knows how far it came. Look at the leftovers before you try again.",
};

export function JobFailure({ job }: { job: JobDetail }) {
  const failed = job.proofs.filter(({ holds }) => !holds);
  return (
    <section className="cv-failure" aria-label="What went wrong">
      <h2>
        {job.status === "lost"
          ? "Nobody knows how it ended"
          : `Failed in ${phaseWords[job.phase ?? "check"].word.toLowerCase()}`}
        {job.exitCode !== null && job.exitCode !== 0 && (
          <span className="cv-quiet"> with exit code {job.exitCode}</span>
        )}
      </h2>
      <p className="cv-failure-words">
        {job.message ?? "The host gave no reason."} {job.code !== null && <CodeLink code={job.code} />}
      </p>
      {failed.length > 0 && (
        <ul>
          {failed.map(({ subject, found }) => (
            <li key={subject}>
              <strong>{subject}</strong>: {found}
            </li>
          ))}
        </ul>
      )}
      <p>{tries[job.code ?? ""] ?? "The log and the leftovers say how far it came."}</p>
      {job.leftovers.length > 0 && (
        <p>
          <Link to="?tab=leftovers">{count(job.leftovers.length, "leftover")}</Link> on {job.host} can stand in the way
          of another try.
        </p>
      )}
      {job.notes.map(({ at, text }) => (
        <p key={at + text} className="cv-quiet">
          {text}
        </p>
      ))}
    </section>
  );
}
