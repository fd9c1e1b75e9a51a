import type { CleanReply, JobDetail } from "@convirt/contract/job";
import { finalStatuses } from "@convirt/contract/status";
import { Button } from "@patternfly/react-core/dist/esm/components/Button";
import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { call } from "../api/client";
import { Confirm } from "../parts/Confirm";
import { Empty } from "../parts/Empty";
import { PlainHead } from "../parts/PlainHead";
import { Status } from "../parts/Status";
import { bytesOf } from "../parts/sizes";
import { Moment } from "../parts/Time";
import { count } from "../parts/words";
import { useMay } from "../sign-in/Session";

/** What a job that did not succeed has made on its host and left there, with the button that cleans it; and what was cleaned already. */
export function Leftovers({ job }: { job: JobDetail }) {
  const mayClean = useMay("provisioner", "host", job.host);
  const queries = useQueryClient();
  const [isAsked, setAsked] = useState(false);
  const [reply, setReply] = useState<CleanReply>();
  const left = count(job.leftovers.length, "leftover");
  if (job.status === "succeeded")
    return <Empty title="Nothing was left behind">All that the job made belongs to {job.vm}.</Empty>;
  if (job.leftovers.length === 0 && job.cleaned.length === 0)
    return <Empty title="Nothing is left">{job.host} found nothing that this job would have made.</Empty>;
  const clean = async () => {
    setReply(await call("POST /jobs/:id/clean", { params: { id: job.id } }));
    await queries.invalidateQueries({ queryKey: ["jobs"] });
  };
  return (
    <>
      {mayClean && job.leftovers.length > 0 && finalStatuses.has(job.status) && (
        <div className="cv-acts cv-tab-acts">
          <Button onClick={() => setAsked(true)}>Clean up {left}</Button>
        </div>
      )}
      {(reply?.kept ?? []).map(({ path, message }) => (
        <p key={path} className="cv-warning">
          <Status tone="look">
            <code>{path}</code> stays: {message}
          </Status>
        </p>
      ))}
      {isAsked && (
        <Confirm
          title={`Clean up ${left} of ${job.vm}`}
          act={`Clean up ${left}`}
          isDanger
          run={clean}
          onDone={() => setAsked(false)}
          onClose={() => setAsked(false)}
        >
          What is listed is removed from {job.host}, as far as it is still as this job made it. This cannot be undone.
        </Confirm>
      )}
      <table className="cv-plain-table">
        <PlainHead columns={["What", `Where on ${job.host}`, "Now", { title: "Size", isNumber: true }]} />
        <tbody>
          {job.leftovers.map(({ kind, path, bytes }) => (
            <tr key={path}>
              <td>{kind}</td>
              <td>
                <code>{path}</code>
              </td>
              <td>
                <Status tone="look">Left</Status>
              </td>
              <td data-number="true">{bytesOf(bytes)}</td>
            </tr>
          ))}
          {job.cleaned.map(({ kind, path, bytes, at, by }) => (
            <tr key={`cleaned ${path}`}>
              <td>{kind}</td>
              <td>
                <code>{path}</code>
              </td>
              <td>
                <Status tone="off">
                  Cleaned by {by}, <Moment at={at} />
                </Status>
              </td>
              <td data-number="true">{bytesOf(bytes)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </>
  );
}
