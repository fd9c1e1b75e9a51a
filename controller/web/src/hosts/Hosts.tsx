import type { HostView } from "@convirt/contract/host";
import { Button } from "@patternfly/react-core/dist/esm/components/Button";
import ServerIcon from "@patternfly/react-icons/dist/esm/icons/server-icon";
import { useQuery } from "@tanstack/react-query";
import { Link, useSearchParams } from "react-router";
import { call } from "../api/client";
import { Bar } from "../parts/Bar";
import { Empty } from "../parts/Empty";
import { LastHeard } from "../parts/Heard";
import { PageHead } from "../parts/PageHead";
import { Status } from "../parts/Status";
import { bytesOf, mibOf } from "../parts/sizes";
import { contactWords, count } from "../parts/words";
import { useMay } from "../sign-in/Session";
import { type Column, Table } from "../table/Table";
import { Invite } from "./Invite";

const columns: readonly Column<HostView>[] = [
  {
    title: "Name",
    width: "1.6fr",
    sort: "name",
    cell: (host) => (
      <Link to={`/hosts/${host.name}`} tabIndex={-1}>
        {host.name}
      </Link>
    ),
  },
  {
    title: "Contact",
    width: "1.3fr",
    sort: "contact",
    cell: (host) => (
      <Status tone={contactWords[host.contact].tone}>
        {host.draining ? `${contactWords[host.contact].word}, draining` : contactWords[host.contact].word}
      </Status>
    ),
  },
  {
    title: "Last heard",
    width: "1fr",
    narrow: "second",
    cell: (host) => <LastHeard host={host.name} lastContactAt={host.lastContactAt} />,
  },
  {
    title: "VMs",
    width: "4.5rem",
    sort: "domains",
    isNumber: true,
    narrow: "hide",
    cell: (host) => (host.domains === null ? "" : host.domains),
  },
  { title: "Memory in use", width: "2.6fr", narrow: "hide", cell: (host) => <Memory host={host} /> },
  {
    title: "Store free",
    width: "6.5rem",
    isNumber: true,
    narrow: "hide",
    cell: (host) => (host.storeFreeBytes === null ? "" : bytesOf(host.storeFreeBytes)),
  },
  { title: "Xen", width: "0.8fr", narrow: "hide", cell: (host) => host.facts?.xenVersion ?? "" },
  { title: "Agent", width: "5.5rem", narrow: "hide", cell: (host) => host.facts?.agentVersion ?? "" },
];

function Memory({ host }: { host: HostView }) {
  const total = host.facts?.memoryMib;
  // A host whose toolstack did not answer has told no memory.
  if (total === undefined || total === 0 || host.freeMemoryMib === null) return null;
  const used = total - host.freeMemoryMib;
  return (
    <span className="cv-measure">
      <Bar part={used / total} label="Memory in use" /> {mibOf(used)} of {mibOf(total)}
    </span>
  );
}

export function Hosts() {
  const [search, setSearch] = useSearchParams();
  const mayInvite = useMay("admin");
  const sort = search.get("sort") ?? "name";
  const isInviting = search.get("panel") === "invite";
  const all = useQuery({
    queryKey: ["hosts", "all"],
    queryFn: ({ signal }) => call("GET /hosts", { query: { perPage: 1000 }, signal }),
  });
  const setInviting = (isOpen: boolean) => setSearch(isOpen ? { panel: "invite" } : {}, { replace: true });
  const invite = mayInvite && <Button onClick={() => setInviting(true)}>Invite a host</Button>;
  return (
    <>
      <PageHead title="Hosts" sentence={sentence(all.data?.items)} acts={invite} />
      <Table
        label="hosts"
        queryKey={["hosts", "list", sort]}
        read={(page, signal) => call("GET /hosts", { query: { ...page, sort }, signal })}
        columns={columns}
        rowKey={(host) => host.name}
        rowTo={(host) => `/hosts/${host.name}`}
        empty={
          <Empty title="No host yet" icon={ServerIcon} act={invite}>
            A host is a machine that runs Xen. It enters by an invitation: one string, good once, pasted on the host.
          </Empty>
        }
      />
      {isInviting && <Invite onClose={() => setInviting(false)} />}
    </>
  );
}

function sentence(hosts: HostView[] | undefined): string | undefined {
  if (hosts === undefined || hosts.length === 0) return undefined;
  const number = (contact: HostView["contact"]) => hosts.filter((host) => host.contact === contact).length;
  const [inContact, silent, invited] = [number("in_contact"), number("silent"), number("invited")];
  const enrolled = inContact + silent;
  const parts = [
    enrolled === 0
      ? "No host has come yet"
      : silent === 0
        ? `${enrolled === 1 ? "The host is" : `All ${count(enrolled, "host")} are`} in contact`
        : `${silent} of ${count(enrolled, "host")} ${silent === 1 ? "is" : "are"} silent`,
    ...(invited > 0 ? [`${invited} ${invited === 1 ? "is" : "are"} invited`] : []),
  ];
  return `${parts.join("; ")}.`;
}
