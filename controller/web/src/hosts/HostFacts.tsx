import type { HostView } from "@convirt/contract/host";
import { Facts } from "../parts/Facts";
import { Status } from "../parts/Status";
import { bytesOf, mibOf } from "../parts/sizes";
import { Moment } from "../parts/Time";

export function HostFacts({ host }: { host: HostView }) {
  const { facts } = host;
  if (facts === null) return null;
  const free = host.freeMemoryMib === null ? "not known" : mibOf(host.freeMemoryMib);
  return (
    <>
      {facts.problems.length > 0 && (
        <section className="cv-warning">
          <h2>What is missing there</h2>
          <ul>
            {facts.problems.map((problem) => (
              <li key={problem}>
                <Status tone="look">{problem}</Status>
              </li>
            ))}
          </ul>
        </section>
      )}
      <div className="cv-columns">
        <Facts
          title="Machine"
          facts={[
            ["Host name", facts.hostname],
            ["Architecture", facts.machine],
            ["CPUs", facts.cpus],
            ["Memory", `${free} free of ${mibOf(facts.memoryMib)}`],
            ["Kernel", facts.release],
          ]}
        />
        <Facts
          title="Xen"
          facts={[
            ["Version", facts.xenVersion],
            ["Toolstack", facts.toolstack],
            ["Can run", facts.virtCaps || "PV"],
            ["Bridges", facts.bridges.join(", ") || "none"],
            ["Default bridge", facts.defaultBridge || "none"],
          ]}
        />
        <Facts
          title="Storage"
          facts={[
            ["Image store", <code key="store">{facts.imageStore}</code>],
            ["Free there", host.storeFreeBytes === null ? "not known" : bytesOf(host.storeFreeBytes)],
            [
              "Disks may be in",
              facts.diskRoots.map((root) => (
                <code key={root} className="cv-block">
                  {root}
                </code>
              )),
            ],
          ]}
        />
        <Facts
          title="Trust"
          facts={[
            ["Address", <code key="address">{host.address}</code>],
            ["Agent", facts.agentVersion],
            ["Enrolled", host.enrolledAt === null ? "" : <Moment key="enrolled" at={host.enrolledAt} />],
            [
              "Certificate until",
              host.certificateNotAfter === null ? "" : <Moment key="until" at={host.certificateNotAfter} />,
            ],
            ["Facts of", host.factsAt === null ? "" : <Moment key="facts" at={host.factsAt} />],
          ]}
        />
      </div>
    </>
  );
}
