import type { HostView } from "@convirt/contract/host";
import { Button } from "@patternfly/react-core/dist/esm/components/Button";
import { Checkbox } from "@patternfly/react-core/dist/esm/components/Checkbox";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useNavigate, useParams } from "react-router";
import { call } from "../api/client";
import { JobList } from "../jobs/JobList";
import { Confirm } from "../parts/Confirm";
import { ErrorLine } from "../parts/ErrorLine";
import { LastHeard } from "../parts/Heard";
import { LinkButton } from "../parts/LinkButton";
import { PageHead } from "../parts/PageHead";
import { Skeletons } from "../parts/Skeletons";
import { Status } from "../parts/Status";
import { Tabs } from "../parts/Tabs";
import { Thing } from "../parts/Thing";
import { Ago } from "../parts/Time";
import { contactWords, count } from "../parts/words";
import { useMay } from "../sign-in/Session";
import { VmList } from "../vms/VmList";
import { HostFacts } from "./HostFacts";
import { Staged } from "./Staged";

export function Host() {
  const { name = "" } = useParams();
  const host = useQuery({
    queryKey: ["hosts", "one", name],
    queryFn: ({ signal }) => call("GET /hosts/:name", { params: { name }, signal }),
  });
  return (
    <Thing isPage query={host} act="Cannot show the host" skeleton={<Skeletons lines={8} />}>
      {(data) => <HostPage host={data} />}
    </Thing>
  );
}

function HostPage({ host }: { host: HostView }) {
  const { word, tone } = contactWords[host.contact];
  return (
    <>
      <PageHead
        title={host.name}
        kind="Host"
        parent={{ to: "/hosts", title: "Hosts" }}
        status={<Status tone={tone}>{host.draining ? `${word}, takes no new jobs` : word}</Status>}
        sentence={<Sentence host={host} />}
        acts={<Acts host={host} />}
      />
      {host.toolstackError !== null && (
        <p className="cv-warning">
          <Status tone="look">
            Xen does not answer as it should: {host.toolstackError}.{" "}
            {host.domainsSeenAt === null ? (
              "Nothing is known of its VMs."
            ) : (
              <>
                What is said of its VMs and memory was seen <Ago at={host.domainsSeenAt} />.
              </>
            )}
          </Status>
        </p>
      )}
      {host.contact === "silent" && (
        <p className="cv-warning">
          <Status tone="look">
            What is shown is what it said last. Is its agent running (systemctl status convirt-agent), and does the
            network let the controller through to {host.address}?
          </Status>
        </p>
      )}
      {host.facts !== null && (
        <Tabs
          label="Of this host"
          tabs={[
            { key: "facts", title: "Facts", content: () => <HostFacts host={host} /> },
            {
              key: "vms",
              title: "VMs",
              content: () => <VmList filter={{ host: host.name }} empty="No VM was made here." />,
            },
            {
              key: "staged",
              title: "Staged images",
              content: () => <Staged host={host.name} features={host.facts?.features ?? []} />,
            },
            { key: "jobs", title: "Jobs", content: () => <JobList filter={{ host: host.name }} /> },
          ]}
        />
      )}
    </>
  );
}

function Sentence({ host }: { host: HostView }) {
  if (host.contact === "invited")
    return "Invited, and not here yet. The line to paste was shown when it was invited; inviting it again makes a new one.";
  return (
    <>
      {host.domains === null ? "Its VMs are not known" : `${count(host.domains, "domain")} beside dom0`}; it was last
      heard <LastHeard host={host.name} lastContactAt={host.lastContactAt} />.
    </>
  );
}

function Acts({ host }: { host: HostView }) {
  const mayProvision = useMay("provisioner", "host", host.name);
  const mayDrain = useMay("vm_admin", "host", host.name);
  const mayRemove = useMay("admin", "host", host.name);
  const queries = useQueryClient();
  const navigate = useNavigate();
  const [isRemoving, setRemoving] = useState(false);
  const [isForced, setForced] = useState(false);
  const params = { name: host.name };
  const drain = useMutation({
    mutationFn: (draining: boolean) => call("POST /hosts/:name/drain", { params, body: { draining } }),
    onSuccess: () => queries.invalidateQueries({ queryKey: ["hosts"] }),
  });
  const isHere = host.contact !== "invited";
  return (
    <>
      {mayProvision && isHere && <LinkButton to={`/provision?host=${host.name}`}>Provision here</LinkButton>}
      {mayDrain && isHere && (
        <Button variant="secondary" isDisabled={drain.isPending} onClick={() => drain.mutate(!host.draining)}>
          {host.draining ? "Take jobs again" : "Take no new jobs"}
        </Button>
      )}
      {mayRemove && (
        <Button variant="secondary" isDanger onClick={() => setRemoving(true)}>
          {isHere ? "Remove" : "Withdraw the invitation"}
        </Button>
      )}
      {drain.error !== null && <ErrorLine error={drain.error} />}
      {isRemoving && (
        <Confirm
          title={isHere ? `Remove ${host.name}` : `Withdraw the invitation of ${host.name}`}
          act={isHere ? "Remove the host" : "Withdraw"}
          isDanger
          {...(isHere ? { name: host.name } : {})}
          run={() => call("DELETE /hosts/:name", { params, query: { force: isForced } })}
          onDone={() => {
            void queries.invalidateQueries({ queryKey: ["hosts"] });
            void navigate("/hosts");
          }}
          onClose={() => setRemoving(false)}
        >
          {isHere ? (
            <>
              <p>
                The trust in it ends at once, and what is under way there is no longer followed. Its VMs go on running.
                To have it back, invite it again.
              </p>
              <Checkbox
                id="force-remove"
                label="Even while VMs and jobs of it are recorded"
                isChecked={isForced}
                onChange={(_, isChecked) => setForced(isChecked)}
              />
            </>
          ) : (
            "The string that was shown is no longer good."
          )}
        </Confirm>
      )}
    </>
  );
}
