import type { VmDetail } from "@convirt/contract/vm";
import { useQuery } from "@tanstack/react-query";
import { Link, useParams } from "react-router";
import { call } from "../api/client";
import { JobList } from "../jobs/JobList";
import { Copy } from "../parts/Copy";
import { Facts } from "../parts/Facts";
import { useSightAge } from "../parts/Heard";
import { PageHead } from "../parts/PageHead";
import { Skeletons } from "../parts/Skeletons";
import { bytesOf, mibOf } from "../parts/sizes";
import { Tabs } from "../parts/Tabs";
import { Thing } from "../parts/Thing";
import { agoOf, Moment } from "../parts/Time";
import { vmWords } from "../parts/words";
import { VmActs } from "./VmActs";
import { VmStateMark } from "./VmStateMark";

export function Vm() {
  const { id = "" } = useParams();
  const vm = useQuery({
    queryKey: ["vms", "one", id],
    queryFn: ({ signal }) => call("GET /vms/:id", { params: { id }, signal }),
  });
  return (
    <Thing isPage query={vm} act="Cannot show the VM" skeleton={<Skeletons lines={8} />}>
      {(data) => <VmPage vm={data} />}
    </Thing>
  );
}

function VmPage({ vm }: { vm: VmDetail }) {
  return (
    <>
      <PageHead
        title={vm.name}
        kind="VM"
        parent={{ to: "/vms", title: "VMs" }}
        status={<VmStateMark vm={vm} />}
        sentence={<Sentence vm={vm} />}
        acts={<VmActs vm={vm} />}
      />
      <Tabs
        label="Of this VM"
        tabs={[
          { key: "overview", title: "Overview", content: () => <Overview vm={vm} /> },
          {
            key: "configuration",
            title: "Configuration",
            content: () => (
              <>
                <p className="cv-quiet">
                  <code>{vm.vmConfigPath}</code> on {vm.host}, as it was written when the VM was made
                </p>
                <Copy text={vm.vmConfig} label="Copy" />
              </>
            ),
          },
          { key: "disks", title: "Disks", count: vm.disks.length, content: () => <Disks vm={vm} /> },
          { key: "jobs", title: "Jobs", content: () => <JobList filter={{ vm: vm.name }} /> },
        ]}
      />
    </>
  );
}

function Sentence({ vm }: { vm: VmDetail }) {
  const ageMs = useSightAge(vm.host, vm.stateAt);
  const host = <Link to={`/hosts/${vm.host}`}>{vm.host}</Link>;
  return (
    <>
      {ageMs === undefined ? (
        <>Its host, {host}, has not seen it since it was made.</>
      ) : (
        <>
          {vmWords[vm.state].word} on {host}, as the host saw {agoOf(ageMs)}.
        </>
      )}{" "}
      Made from <Link to={`/images/${vm.image}`}>{vm.image}</Link>.
    </>
  );
}

function Overview({ vm }: { vm: VmDetail }) {
  const given = [...Object.entries(vm.imageConf), ...Object.entries(vm.vmConf)];
  return (
    <div className="cv-columns">
      <Facts
        title="Size"
        facts={[
          ["Memory", vm.memoryMib === null ? "not known" : mibOf(vm.memoryMib)],
          ["vCPUs", vm.vcpus ?? "not known"],
          ["Disks", vm.disks.map(({ device, bytes }) => `${device} ${bytesOf(bytes)}`).join(", ") || "none"],
        ]}
      />
      <Facts
        title="Origin"
        facts={[
          [
            "Image",
            <Link key="image" to={`/images/${vm.image}`}>
              {vm.image}
            </Link>,
          ],
          ["Version", <code key="version">{vm.imageVersion.slice(0, 12)}</code>],
          ["Made", <Moment key="made" at={vm.createdAt} />],
          [
            "By",
            <Link key="job" to={`/jobs/${vm.jobId}`}>
              this job
            </Link>,
          ],
        ]}
      />
      <Facts
        title="On the host"
        facts={[
          [
            "Host",
            <Link key="host" to={`/hosts/${vm.host}`}>
              {vm.host}
            </Link>,
          ],
          ["Domain id", vm.domainId ?? (vm.state === "unknown" ? "not known" : "none: it is off")],
          ["UUID", <code key="uuid">{vm.id}</code>],
        ]}
      />
      <details className="cv-wide cv-fold">
        <summary>All {given.length} options that it was made with</summary>
        <dl className="cv-options-list">
          {given.map(([name, value]) => (
            <div key={name}>
              <dt>
                <code>{name}</code>
              </dt>
              <dd>
                <code>{typeof value === "string" ? value : JSON.stringify(value)}</code>
              </dd>
            </div>
          ))}
        </dl>
      </details>
    </div>
  );
}

function Disks({ vm }: { vm: VmDetail }) {
  return (
    <table className="cv-plain-table">
      <thead>
        <tr>
          <th scope="col">Device</th>
          <th scope="col">Where on {vm.host}</th>
          <th scope="col">Format</th>
          <th scope="col">Access</th>
          <th scope="col" data-number="true">
            Size
          </th>
        </tr>
      </thead>
      <tbody>
        {vm.disks.map(({ device, target, format, writable, bytes }) => (
          <tr key={device}>
            <td>{device}</td>
            <td>
              <code>{target}</code>
            </td>
            <td>{format}</td>
            <td>{writable ? "read, write" : "read only"}</td>
            <td data-number="true">{bytesOf(bytes)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
