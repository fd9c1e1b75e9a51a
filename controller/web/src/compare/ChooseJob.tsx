import type { JobDetail } from "@convirt/contract/job";
import { useQuery } from "@tanstack/react-query";
import { call } from "../api/client";
import { JobState } from "../jobs/JobState";
import { Empty } from "../parts/Empty";
import { PlainHead } from "../parts/PlainHead";
import { RowAct } from "../parts/RowAct";
import { Skeletons } from "../parts/Skeletons";
import { Thing } from "../parts/Thing";
import { Ago } from "../parts/Time";

const most = 50;

interface Props {
  job: JobDetail;
  onChoose: (id: string) => void;
}

/** The newest jobs of the same image, and of a VM of the same name. */
export function ChooseJob({ job, onChoose }: Props) {
  const jobs = useQuery({
    queryKey: ["jobs", "like", job.id],
    queryFn: async ({ signal }) => {
      const query = { perPage: most, sort: "-createdAt" };
      const lists = await Promise.all([
        call("GET /jobs", { query: { ...query, image: job.image }, signal }),
        call("GET /jobs", { query: { ...query, vm: job.vm }, signal }),
      ]);
      const byId = new Map(lists.flatMap(({ items }) => items).map((each) => [each.id, each]));
      byId.delete(job.id);
      return [...byId.values()].sort((a, b) => (a.createdAt < b.createdAt ? 1 : -1)).slice(0, most);
    },
  });
  return (
    <Thing query={jobs} act="Cannot list jobs" skeleton={<Skeletons lines={6} />}>
      {(items) =>
        items.length === 0 ? (
          <Empty title="Nothing to compare with">
            There is no other job of {job.image}, nor of a VM of the name {job.vm}.
          </Empty>
        ) : (
          <div className="cv-scrolls">
            <table className="cv-plain-table">
              <PlainHead columns={["VM", "Status", "Image", "Host", "Asked"]} hasActs />
              <tbody>
                {items.map((each) => (
                  <tr key={each.id}>
                    <td>{each.vm}</td>
                    <td>
                      <JobState job={each} />
                    </td>
                    <td>{each.image}</td>
                    <td>{each.host}</td>
                    <td>
                      <Ago at={each.createdAt} />
                    </td>
                    <td className="cv-row-acts">
                      <RowAct
                        act="Compare"
                        label={`Compare with ${each.vm} of ${each.createdAt}`}
                        onClick={() => onChoose(each.id)}
                      />
                    </td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        )
      }
    </Thing>
  );
}
