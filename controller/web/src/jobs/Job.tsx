// One job: what came of it in words, its phases in time, its log, what was proven, what it left behind.
import type { JobDetail } from "@convirt/contract/job";
import { finalStatuses } from "@convirt/contract/status";
import { Button } from "@patternfly/react-core/dist/esm/components/Button";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { Link, useParams } from "react-router";
import { addressOf, call } from "../api/client";
import { LogView } from "../log/LogView";
import { useJobLog } from "../log/useJobLog";
import { Confirm } from "../parts/Confirm";
import { LinkButton } from "../parts/LinkButton";
import { PageHead } from "../parts/PageHead";
import { Skeletons } from "../parts/Skeletons";
import { Tabs } from "../parts/Tabs";
import { Thing } from "../parts/Thing";
import { useMay } from "../sign-in/Session";
import { JobConfiguration } from "./JobConfiguration";
import { JobFacts } from "./JobFacts";
import { JobFailure } from "./JobFailure";
import { JobState } from "./JobState";
import { Leftovers } from "./Leftovers";
import { Proofs } from "./Proofs";
import { Timeline } from "./Timeline";

export function Job() {
  const { id = "" } = useParams();
  const job = useQuery({
    queryKey: ["jobs", "one", id],
    queryFn: ({ signal }) => call("GET /jobs/:id", { params: { id }, signal }),
  });
  return (
    <Thing isPage query={job} act="Cannot show the job" skeleton={<Skeletons lines={8} />}>
      {(data) => <JobPage key={id} job={data} />}
    </Thing>
  );
}

function JobPage({ job }: { job: JobDetail }) {
  const log = useJobLog(job.id);
  const isOver = finalStatuses.has(job.status);
  const logAddress = addressOf("GET /jobs/:id/log", { params: { id: job.id } });
  const noLog = isOver
    ? "The script has written nothing: the job ended before it ran."
    : "The log begins when the script runs.";
  return (
    <>
      <PageHead
        title={job.vm}
        kind="Provisioning"
        parent={{ to: "/jobs", title: "Jobs" }}
        status={<JobState job={job} />}
        sentence={<Sentence job={job} />}
        acts={<Acts job={job} isOver={isOver} />}
      />
      {(job.status === "failed" || job.status === "lost") && <JobFailure job={job} />}
      <Timeline job={job} staging={log.staging ?? job.staging} />
      <Tabs
        label="Of this job"
        tabs={[
          { key: "log", title: "Log", content: () => <LogView log={log} downloadTo={logAddress} empty={noLog} /> },
          { key: "made", title: "What was made", count: job.proofs.length, content: () => <Proofs job={job} /> },
          {
            key: "leftovers",
            title: "Leftovers",
            count: job.status === "succeeded" ? 0 : job.leftovers.length,
            content: () => <Leftovers job={job} />,
          },
          { key: "file", title: "VM configuration", content: () => <JobConfiguration job={job} /> },
          { key: "request", title: "Request", content: () => <JobFacts job={job} /> },
        ]}
      />
    </>
  );
}

function Sentence({ job }: { job: JobDetail }) {
  return (
    <>
      From <Link to={`/images/${job.image}`}>{job.image}</Link> on <Link to={`/hosts/${job.host}`}>{job.host}</Link>,
      asked for by {job.requestedBy}
      {job.reason !== null && job.reason !== "" && <>: “{job.reason}”</>}
      {job.retryOf !== null && (
        <>
          , again after <Link to={`/jobs/${job.retryOf}`}>an earlier job</Link>
        </>
      )}
      .
    </>
  );
}

function Acts({ job, isOver }: { job: JobDetail; isOver: boolean }) {
  const may = useMay("provisioner", "host", job.host);
  const queries = useQueryClient();
  const [isCancelling, setCancelling] = useState(false);
  const compare = (
    <LinkButton to={`/jobs/${job.id}/compare`} variant="secondary">
      Compare with…
    </LinkButton>
  );
  if (job.status === "succeeded")
    return (
      <>
        <LinkButton to={`/vms/${job.vmUuid}`}>See the VM</LinkButton>
        {compare}
      </>
    );
  if (isOver)
    return (
      <>
        {may && <LinkButton to={`/provision?job=${job.id}`}>Try again</LinkButton>}
        {compare}
      </>
    );
  if (!may) return null;
  return (
    <>
      <Button variant="secondary" isDanger onClick={() => setCancelling(true)} isDisabled={job.status === "cancelling"}>
        Cancel
      </Button>
      {isCancelling && (
        <Confirm
          title={`Cancel the provisioning of ${job.vm}`}
          act="Cancel the job"
          isDanger
          run={() => call("POST /jobs/:id/cancel", { params: { id: job.id } })}
          onDone={() => {
            setCancelling(false);
            void queries.invalidateQueries({ queryKey: ["jobs"] });
          }}
          onClose={() => setCancelling(false)}
        >
          The script on {job.host} is asked to stop, and ended if it does not. What it has made until then stays on the
          host, and is listed here as leftovers.
        </Confirm>
      )}
    </>
  );
}
