// Two jobs beside each other: what was asked otherwise, what became of each, where the time went, and how the logs part.
import type { JobDetail } from "@convirt/contract/job";
import { useQuery } from "@tanstack/react-query";
import { Link, useParams, useSearchParams } from "react-router";
import { call } from "../api/client";
import { JobState } from "../jobs/JobState";
import { Comparison } from "../parts/Comparison";
import { Empty } from "../parts/Empty";
import { LinkButton } from "../parts/LinkButton";
import { PageHead } from "../parts/PageHead";
import { Skeletons } from "../parts/Skeletons";
import { Thing } from "../parts/Thing";
import { Moment } from "../parts/Time";
import { count } from "../parts/words";
import { ChooseJob } from "./ChooseJob";
import { differences, type Row } from "./differences";
import { LogComparison } from "./LogComparison";

export function CompareJobs() {
  const { id = "" } = useParams();
  const [search, setSearch] = useSearchParams();
  const otherId = search.get("with");
  const one = useJob(id);
  const other = useJob(otherId);
  return (
    <Thing isPage query={one} act="Cannot show the job" skeleton={<Skeletons lines={8} />}>
      {(job) =>
        otherId === null ? (
          <>
            <PageHead
              title={`Compare ${job.vm}`}
              kind="Comparison"
              parent={{ to: `/jobs/${job.id}`, title: job.vm }}
              sentence="With which job? Those of the same image or of the same VM are here, the newest first."
            />
            <ChooseJob job={job} onChoose={(chosen) => setSearch({ with: chosen })} />
          </>
        ) : (
          <Thing query={other} act="Cannot show the other job" skeleton={<Skeletons lines={8} />}>
            {(second) => <Pair one={job} other={second} />}
          </Thing>
        )
      }
    </Thing>
  );
}

function useJob(id: string | null) {
  return useQuery({
    queryKey: ["jobs", "one", id],
    queryFn: ({ signal }) => call("GET /jobs/:id", { params: { id: id ?? "" }, signal }),
    enabled: id !== null,
  });
}

function Pair({ one, other }: { one: JobDetail; other: JobDetail }) {
  const { facts, asked, phases } = differences(one, other);
  const differing = asked.length;
  return (
    <>
      <PageHead
        title={one.vm === other.vm ? `Compare two jobs of ${one.vm}` : `Compare ${one.vm} and ${other.vm}`}
        kind="Comparison"
        parent={{ to: `/jobs/${one.id}`, title: one.vm }}
        sentence={
          differing === 0
            ? "The same was asked of both."
            : `${count(differing, "value")} of what was asked ${differing === 1 ? "differs" : "differ"}.`
        }
        acts={
          <LinkButton to={`/jobs/${one.id}/compare`} variant="secondary">
            Compare with another
          </LinkButton>
        }
      />
      <div className="cv-scrolls">
        <table className="cv-plain-table cv-compare">
          <thead>
            <tr>
              <th scope="col">
                <span className="pf-v6-screen-reader">Of the jobs</span>
              </th>
              <JobHead job={one} />
              <JobHead job={other} />
            </tr>
          </thead>
          <Rows title="Outcome" rows={facts} />
          <Rows title="Asked otherwise" rows={asked} />
          <Rows title="Time in each phase" rows={phases} />
        </table>
      </div>
      <section className="cv-section">
        <h2>VM configuration</h2>
        <Configurations one={one} other={other} />
      </section>
      <section className="cv-section">
        <h2>Log</h2>
        <LogComparison one={one} other={other} />
      </section>
    </>
  );
}

function JobHead({ job }: { job: JobDetail }) {
  return (
    <th scope="col">
      <Link to={`/jobs/${job.id}`}>{job.vm}</Link> <Moment at={job.createdAt} />
      <div>
        <JobState job={job} />
      </div>
    </th>
  );
}

function Rows({ title, rows }: { title: string; rows: readonly Row[] }) {
  if (rows.length === 0) return null;
  return (
    <tbody>
      <tr>
        <th scope="rowgroup" colSpan={3}>
          {title}
        </th>
      </tr>
      {rows.map(({ name, one, other }) => (
        <tr key={name} data-differs={one !== other}>
          <th scope="row">{name}</th>
          <td>{one}</td>
          <td>{other}</td>
        </tr>
      ))}
    </tbody>
  );
}

function Configurations({ one, other }: { one: JobDetail; other: JobDetail }) {
  if (one.vmConfig === null && other.vmConfig === null)
    return <Empty title="Not written">Neither job came so far that the toolstack&apos;s file was written.</Empty>;
  if (one.vmConfig === other.vmConfig) return <p className="cv-quiet">It is the same in both.</p>;
  return (
    <Comparison
      title={`${one.vmConfigPath ?? "not written"} · ${other.vmConfigPath ?? "not written"}`}
      label="What differs in the VM configuration"
      sides={[`Configuration of ${one.vm}`, `Configuration of ${other.vm}`]}
      before={one.vmConfig ?? ""}
      after={other.vmConfig ?? ""}
    />
  );
}
