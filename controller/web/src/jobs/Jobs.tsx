import type { JobStatus, JobView } from "@convirt/contract/job";
import { jobStatuses } from "@convirt/contract/status";
import ListIcon from "@patternfly/react-icons/dist/esm/icons/list-icon";
import { useState } from "react";
import { Link, useSearchParams } from "react-router";
import { call } from "../api/client";
import { Empty } from "../parts/Empty";
import { Filters, filterOf } from "../parts/Filters";
import { LinkButton } from "../parts/LinkButton";
import { PageHead } from "../parts/PageHead";
import { Ago, Elapsed, spanOf } from "../parts/Time";
import { count, jobWords } from "../parts/words";
import { useMayAnywhere } from "../sign-in/Session";
import { type Column, Table } from "../table/Table";
import { JobState } from "./JobState";

const columns: readonly Column<JobView>[] = [
  {
    title: "VM",
    width: "1.4fr",
    sort: "vm",
    cell: (job) => (
      <Link to={`/jobs/${job.id}`} tabIndex={-1}>
        {job.vm}
      </Link>
    ),
  },
  { title: "Status", width: "1.3fr", sort: "status", cell: (job) => <JobState job={job} /> },
  { title: "Image", width: "1.4fr", sort: "image", narrow: "second", cell: (job) => job.image },
  { title: "Host", width: "0.9fr", sort: "host", narrow: "second", cell: (job) => job.host },
  { title: "Asked by", width: "0.9fr", sort: "requestedBy", narrow: "hide", cell: (job) => job.requestedBy },
  { title: "Asked", width: "1fr", sort: "createdAt", narrow: "second", cell: (job) => <Ago at={job.createdAt} /> },
  { title: "Took", width: "6rem", isNumber: true, narrow: "hide", cell: (job) => <Took job={job} /> },
];

export function Took({ job }: { job: Pick<JobView, "startedAt" | "endedAt"> }) {
  if (job.startedAt === null) return null;
  if (job.endedAt === null) return <Elapsed since={job.startedAt} />;
  return <span className="cv-time">{spanOf(Date.parse(job.endedAt) - Date.parse(job.startedAt))}</span>;
}

const statuses = jobStatuses.map((value) => ({ value, title: jobWords[value].word }));
const fields = ["status", "host", "image", "vm"] as const;

export function Jobs() {
  const [search] = useSearchParams();
  const [total, setTotal] = useState<number>();
  const mayProvision = useMayAnywhere("provisioner");
  const sort = search.get("sort") ?? "-createdAt";
  const { status, ...rest } = filterOf(search, fields);
  const filter = { ...rest, ...(status === undefined ? {} : { status: status as JobStatus }) };
  const isFiltered = Object.keys(filter).length > 0;
  return (
    <>
      <PageHead
        title="Jobs"
        sentence={
          total === undefined
            ? undefined
            : `${count(total, "job")}${isFiltered ? " of this filter" : ""}${sort === "-createdAt" ? ", the newest first" : ""}.`
        }
        acts={mayProvision && <LinkButton to="/provision">Provision</LinkButton>}
      />
      <Filters
        text={{ name: "vm", label: "Name of the VM" }}
        selects={[{ name: "status", label: "Status", choices: statuses }]}
      />
      <Table
        label="jobs"
        queryKey={["jobs", "list", sort, filter]}
        read={(page, signal) => call("GET /jobs", { query: { ...page, sort, ...filter }, signal })}
        columns={columns}
        rowKey={(job) => job.id}
        rowTo={(job) => `/jobs/${job.id}`}
        onTotal={setTotal}
        empty={
          isFiltered ? (
            <Empty title="No job matches">Clear the filter to see all jobs.</Empty>
          ) : (
            <Empty title="No job yet" icon={ListIcon}>
              A job is the provisioning of one VM from an image. It stays listed, with its log, when it has ended.
            </Empty>
          )
        }
      />
    </>
  );
}
