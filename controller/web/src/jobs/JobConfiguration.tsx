import type { JobDetail } from "@convirt/contract/job";
import { Copy } from "../parts/Copy";
import { Empty } from "../parts/Empty";

/** What the toolstack was given. */
export function JobConfiguration({ job }: { job: JobDetail }) {
  if (job.vmConfig === null)
    return <Empty title="Not written">The toolstack's file is written when the script has ended well.</Empty>;
  return (
    <>
      <p className="cv-quiet">
        <code>{job.vmConfigPath}</code> on {job.host}
      </p>
      <Copy text={job.vmConfig} label="Copy" />
    </>
  );
}
