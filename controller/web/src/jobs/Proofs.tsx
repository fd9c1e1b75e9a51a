import type { JobDetail } from "@convirt/contract/job";
import { Empty } from "../parts/Empty";
import { Status } from "../parts/Status";
import { bytesOf } from "../parts/sizes";

/** What the host found when it looked. */
export function Proofs({ job }: { job: JobDetail }) {
  if (job.proofs.length === 0)
    return <Empty title="Nothing was proven">The host looks at what was made when the script has ended well.</Empty>;
  return (
    <table className="cv-plain-table">
      <thead>
        <tr>
          <th scope="col">Holds</th>
          <th scope="col">What</th>
          <th scope="col">Found</th>
        </tr>
      </thead>
      <tbody>
        {job.proofs.map(({ subject, holds, found }) => (
          <tr key={subject}>
            <td>
              <Status tone={holds ? "good" : "bad"}>{holds ? "Yes" : "No"}</Status>
            </td>
            <td>{subject}</td>
            <td>{found}</td>
          </tr>
        ))}
        {job.disks.map(({ device, target, format, bytes, writable }) => (
          <tr key={device}>
            <td />
            <td>
              {device}, {format}, {writable ? "writable" : "read only"}, {bytesOf(bytes)}
            </td>
            <td>
              <code>{target}</code>
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
