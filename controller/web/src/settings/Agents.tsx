import type { HostView } from "@convirt/contract/host";
import { useQuery } from "@tanstack/react-query";
import { Link } from "react-router";
import { call } from "../api/client";
import { Empty } from "../parts/Empty";
import { PlainHead } from "../parts/PlainHead";
import { Skeletons } from "../parts/Skeletons";
import { Status } from "../parts/Status";
import { Thing } from "../parts/Thing";
import { contactWords } from "../parts/words";
import { useSettings } from "./ControllerSettings";

const most = 1000;

/** Which agents there are, and what an older one cannot yet. */
export function Agents() {
  const settings = useSettings();
  const hosts = useQuery({
    queryKey: ["hosts", "agents"],
    queryFn: ({ signal }) => call("GET /hosts", { query: { perPage: most, sort: "name" }, signal }),
  });
  return (
    <Thing query={settings} act="Cannot show the settings" skeleton={<Skeletons lines={4} />}>
      {({ version, features }) => (
        <Thing query={hosts} act="Cannot list hosts" skeleton={<Skeletons lines={4} />}>
          {({ items, total }) =>
            items.length === 0 ? (
              <Empty title="No host yet">An agent runs on each host that was invited.</Empty>
            ) : (
              <>
                <p className="cv-quiet">
                  The controller is of version {version}. It works with older agents, and does without what they lack.
                  {total > items.length && ` The first ${items.length} of ${total} hosts are shown.`}
                </p>
                <table className="cv-plain-table">
                  <PlainHead columns={["Host", "Contact", "Agent", "Features"]} />
                  <tbody>
                    {items.map((host) => (
                      <AgentRow key={host.id} host={host} wanted={features} />
                    ))}
                  </tbody>
                </table>
              </>
            )
          }
        </Thing>
      )}
    </Thing>
  );
}

function AgentRow({ host, wanted }: { host: HostView; wanted: readonly string[] }) {
  const { word, tone } = contactWords[host.contact];
  const lacks = host.facts === null ? [] : wanted.filter((feature) => !host.facts?.features.includes(feature));
  return (
    <tr>
      <td>
        <Link to={`/hosts/${host.name}`}>{host.name}</Link>
      </td>
      <td>
        <Status tone={tone}>{word}</Status>
      </td>
      <td>{host.facts?.agentVersion ?? <span className="cv-quiet">not known yet</span>}</td>
      <td>
        {host.facts === null ? (
          ""
        ) : lacks.length === 0 ? (
          `all ${wanted.length}`
        ) : (
          <Status tone="look">lacks {lacks.join(", ")}</Status>
        )}
      </td>
    </tr>
  );
}
