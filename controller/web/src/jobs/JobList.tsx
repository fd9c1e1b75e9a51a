import { useQuery } from "@tanstack/react-query";
import { Link } from "react-router";
import { call, type Query } from "../api/client";
import { Empty } from "../parts/Empty";
import { ErrorPanel } from "../parts/ErrorPanel";
import { PlainHead } from "../parts/PlainHead";
import { Skeletons } from "../parts/Skeletons";
import { Ago } from "../parts/Time";
import { JobState } from "./JobState";
import { Took } from "./Jobs";

interface Props {
  filter: Query<"GET /jobs">;
  most?: number;
}

/** The newest jobs of something, inside its page. */
export function JobList({ filter, most = 50 }: Props) {
  const jobs = useQuery({
    queryKey: ["jobs", "some", filter, most],
    queryFn: ({ signal }) => call("GET /jobs", { query: { ...filter, perPage: most }, signal }),
  });
  if (jobs.error !== null && jobs.data === undefined)
    return <ErrorPanel error={jobs.error} act="Cannot list jobs" onRetry={() => void jobs.refetch()} />;
  if (jobs.data === undefined) return <Skeletons lines={4} />;
  if (jobs.data.items.length === 0)
    return <Empty title="No job yet">A job is the provisioning of one VM from an image.</Empty>;
  return (
    <table className="cv-plain-table">
      <PlainHead columns={["VM", "Status", "Image", "Host", "Asked", { title: "Took", isNumber: true }]} />
      <tbody>
        {jobs.data.items.map((job) => (
          <tr key={job.id}>
            <td>
              <Link to={`/jobs/${job.id}`}>{job.vm}</Link>
            </td>
            <td>
              <JobState job={job} />
            </td>
            <td>{job.image}</td>
            <td>{job.host}</td>
            <td>
              <Ago at={job.createdAt} />
            </td>
            <td data-number="true">
              <Took job={job} />
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
