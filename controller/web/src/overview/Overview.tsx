// What one needs to know on coming: one sentence, what needs a look, how much room there is, what happened last. With nothing there yet: what to do first.
import type { HostView } from "@convirt/contract/host";
import type { ImageSummary } from "@convirt/contract/image";
import type { VmView } from "@convirt/contract/vm";
import { useQuery } from "@tanstack/react-query";
import { Link } from "react-router";
import { call } from "../api/client";
import { JobList } from "../jobs/JobList";
import { ErrorPanel } from "../parts/ErrorPanel";
import { PageHead } from "../parts/PageHead";
import { Skeletons } from "../parts/Skeletons";
import { count } from "../parts/words";
import { Capacity } from "./Capacity";
import { FirstSteps } from "./FirstSteps";
import { NeedsALook } from "./NeedsALook";

export function Overview() {
  const hosts = useQuery({
    queryKey: ["hosts", "all"],
    queryFn: ({ signal }) => call("GET /hosts", { query: { perPage: 1000 }, signal }),
  });
  const images = useQuery({
    queryKey: ["images", "all"],
    queryFn: ({ signal }) => call("GET /images", { query: { perPage: 1000 }, signal }),
  });
  const vms = useQuery({ queryKey: ["vms", "counts"], queryFn: ({ signal }) => countVms(signal) });
  const failed = useQuery({
    queryKey: ["jobs", "failed"],
    queryFn: ({ signal }) => call("GET /jobs", { query: { status: "failed", perPage: 20 }, signal }),
  });
  const error = hosts.error ?? images.error ?? vms.error ?? failed.error;
  if (!hosts.data || !images.data || !vms.data || !failed.data)
    return error !== null ? (
      <ErrorPanel error={error} act="Cannot show the overview" isPage onRetry={() => void hosts.refetch()} />
    ) : (
      <Skeletons lines={10} />
    );
  const enrolled = hosts.data.items.filter(({ contact }) => contact !== "invited");
  const isNew = enrolled.length === 0 || vms.data.all === 0;
  return (
    <>
      <PageHead title="Overview" sentence={sentence(vms.data, enrolled)} />
      {isNew && (
        <FirstSteps
          hasHost={enrolled.length > 0}
          hasImage={images.data.items.some(isUsable)}
          hasVm={vms.data.all > 0}
        />
      )}
      <div className="cv-overview">
        <NeedsALook hosts={hosts.data.items} images={images.data.items} failed={failed.data.items} />
        {enrolled.length > 0 && <Capacity hosts={enrolled} />}
      </div>
      <section className="cv-section">
        <h2>
          Last jobs <Link to="/jobs">all</Link>
        </h2>
        <JobList filter={{}} most={10} />
      </section>
    </>
  );
}

interface Counts {
  all: number;
  running: number;
  crashed: number;
}

async function countVms(signal: AbortSignal): Promise<Counts> {
  const ask = (state?: VmView["state"]) => call("GET /vms", { query: { perPage: 1, state }, signal });
  const [all, running, crashed] = await Promise.all([ask(), ask("running"), ask("crashed")]);
  return { all: all.total, running: running.total, crashed: crashed.total };
}

function isUsable(image: ImageSummary): boolean {
  return image.accepted && !image.template;
}

function sentence(vms: Counts, enrolled: readonly HostView[]): string {
  if (enrolled.length === 0) return "There is no host yet.";
  const inContact = enrolled.filter(({ contact }) => contact === "in_contact").length;
  const on =
    inContact === enrolled.length
      ? count(enrolled.length, "host")
      : `${inContact} of ${count(enrolled.length, "host")} in contact`;
  const crashed = vms.crashed === 0 ? "" : `; ${vms.crashed} crashed`;
  return `${vms.running.toLocaleString()} of ${count(vms.all, "VM")} ${vms.all === 1 ? "runs" : "run"}${crashed}, on ${on}.`;
}
