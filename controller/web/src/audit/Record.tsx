import type { AuditView } from "@convirt/contract/audit";
import { useQuery } from "@tanstack/react-query";
import { Link, useParams } from "react-router";
import { call } from "../api/client";
import { Facts } from "../parts/Facts";
import { PageHead } from "../parts/PageHead";
import { Skeletons } from "../parts/Skeletons";
import { Thing } from "../parts/Thing";
import { Moment } from "../parts/Time";
import { Outcome } from "./Outcome";
import { whoOf } from "./who";

/** One record of the audit, whole. */
export function Record() {
  const { number = "" } = useParams();
  const record = useQuery({
    queryKey: ["audit", "one", number],
    queryFn: ({ signal }) => call("GET /audit/:number", { params: { number }, signal }),
  });
  return (
    <Thing isPage query={record} act={`Cannot show record ${number}`} skeleton={<Skeletons lines={8} />}>
      {(found) => (
        <>
          <PageHead
            kind={`record ${found.number}`}
            parent={{ to: "/audit", title: "Audit" }}
            title={found.action}
            status={<Outcome record={found} />}
            sentence={found.message ?? undefined}
          />
          <div className="cv-columns">
            <Facts
              title="Who, when and why"
              facts={[
                ["Who", whoOf(found)],
                ["By", found.token === null ? found.via : `the token ${found.token}`],
                ["From", found.address === "" ? "the controller itself" : found.address],
                ["When", <Moment key="at" at={found.at} />],
                ["Why", found.reason ?? "not said"],
              ]}
            />
            <Facts
              title="About"
              facts={found.objects.map((object) => [kindOf(object), <About key={object} object={object} />])}
            />
            <Facts
              title="Its place in the chain"
              facts={[
                ["Hash", <code key="hash">{found.hash}</code>],
                ["The one before", <code key="before">{found.previousHash}</code>],
              ]}
            />
          </div>
          <section className="cv-facts">
            <h2>What was asked</h2>
            <pre className="cv-json">{indented(found)}</pre>
          </section>
          {found.commands.length > 0 && (
            <section className="cv-facts">
              <h2>What ran on the host</h2>
              <pre className="cv-json">{found.commands.join("\n")}</pre>
            </section>
          )}
        </>
      )}
    </Thing>
  );
}

function kindOf(object: string): string {
  return object.slice(0, object.indexOf(" "));
}

/** The thing's own page, where it has one. */
function About({ object }: { object: string }) {
  const kind = kindOf(object);
  const name = object.slice(kind.length + 1);
  const places: { [kind: string]: string } = { host: "hosts", image: "images", vm: "vms", job: "jobs" };
  const place = places[kind];
  return place === undefined ? name : <Link to={`/${place}/${encodeURIComponent(name)}`}>{name}</Link>;
}

function indented({ asked }: AuditView): string {
  return JSON.stringify(JSON.parse(asked), null, 2);
}
