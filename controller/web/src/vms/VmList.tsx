import { useQuery } from "@tanstack/react-query";
import { Link } from "react-router";
import { call, type Query } from "../api/client";
import { Empty } from "../parts/Empty";
import { ErrorPanel } from "../parts/ErrorPanel";
import { Skeletons } from "../parts/Skeletons";
import { mibOf } from "../parts/sizes";
import { VmStateMark } from "./VmStateMark";

interface Props {
  filter: Query<"GET /vms">;
  empty: string;
  /** Marks VMs of an older version than this. */
  version?: string | null;
}

const most = 200;

/** The VMs of something, inside its page. */
export function VmList({ filter, empty, version }: Props) {
  const vms = useQuery({
    queryKey: ["vms", "some", filter],
    queryFn: ({ signal }) => call("GET /vms", { query: { ...filter, perPage: most }, signal }),
  });
  if (vms.error !== null && vms.data === undefined)
    return <ErrorPanel error={vms.error} act="Cannot list VMs" onRetry={() => void vms.refetch()} />;
  if (vms.data === undefined) return <Skeletons lines={4} />;
  if (vms.data.items.length === 0) return <Empty title="No VM">{empty}</Empty>;
  return (
    <>
      <table className="cv-plain-table">
        <thead>
          <tr>
            <th scope="col">Name</th>
            <th scope="col">State</th>
            <th scope="col">Host</th>
            <th scope="col">Image</th>
            <th scope="col">Version</th>
            <th scope="col" data-number="true">
              Memory
            </th>
          </tr>
        </thead>
        <tbody>
          {vms.data.items.map((vm) => (
            <tr key={vm.id}>
              <td>
                <Link to={`/vms/${vm.id}`}>{vm.name}</Link>
              </td>
              <td>
                <VmStateMark vm={vm} />
              </td>
              <td>{vm.host}</td>
              <td>{vm.image}</td>
              <td>
                <code>{vm.imageVersion.slice(0, 8)}</code>
                {version != null && version !== vm.imageVersion && <span className="cv-quiet"> older</span>}
              </td>
              <td data-number="true">{vm.memoryMib === null ? "" : mibOf(vm.memoryMib)}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {vms.data.total > most && (
        <p className="cv-quiet">
          {most} of {vms.data.total};{" "}
          <Link to={`/vms?${new URLSearchParams(filter as Record<string, string>)}`}>see all</Link>
        </p>
      )}
    </>
  );
}
