import { call } from "../api/client";
import { contactWords, jobWords, vmWords } from "../parts/words";

export interface Found {
  kind: "VM" | "Host" | "Image" | "Job";
  name: string;
  more: string;
  to: string;
}

const most = 5;

/** Some of each kind whose name holds the words; jobs by the VM's whole name or their id. */
export async function findEverywhere(name: string, signal: AbortSignal): Promise<Found[]> {
  const query = { name: name.slice(0, 64), perPage: most };
  const [vms, hosts, images, jobs] = await Promise.all([
    call("GET /vms", { query, signal }),
    call("GET /hosts", { query, signal }),
    call("GET /images", { query, signal }),
    call("GET /jobs", { query: { vm: name.slice(0, 64), perPage: most }, signal }),
  ]);
  return [
    ...vms.items.map((vm) => ({
      kind: "VM" as const,
      name: vm.name,
      more: `${vmWords[vm.state].word}, ${vm.host}`,
      to: `/vms/${vm.id}`,
    })),
    ...hosts.items.map((host) => ({
      kind: "Host" as const,
      name: host.name,
      more: contactWords[host.contact].word,
      to: `/hosts/${host.name}`,
    })),
    ...images.items.map((image) => ({
      kind: "Image" as const,
      name: image.name,
      more: image.accepted ? (image.osName ?? "") : "rejected",
      to: `/images/${image.name}`,
    })),
    ...jobs.items.map((job) => ({
      kind: "Job" as const,
      name: job.vm,
      more: `${jobWords[job.status].word}, ${job.image}`,
      to: `/jobs/${job.id}`,
    })),
  ];
}
