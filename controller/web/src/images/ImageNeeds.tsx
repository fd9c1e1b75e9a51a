import type { ImageView } from "@convirt/contract/image";
import { useQuery } from "@tanstack/react-query";
import { Link } from "react-router";
import { call } from "../api/client";
import { Facts } from "../parts/Facts";
import { Status } from "../parts/Status";
import { mibOf } from "../parts/sizes";

/** What it takes to run it, and which hosts have that. */
export function ImageNeeds({ image }: { image: ImageView }) {
  const hosts = useQuery({
    queryKey: ["hosts", "all"],
    queryFn: ({ signal }) => call("GET /hosts", { query: { perPage: 1000 }, signal }),
  });
  const value = (name: string) => image.options.find((option) => option.name === name)?.default;
  const memory = Number(value("memory"));
  const open = image.options.filter(({ customizable }) => customizable).length;
  const verdicts = (hosts.data?.items ?? [])
    .filter(({ contact }) => contact !== "invited")
    .map((host) => ({ name: host.name, why: whyNot(image, memory, host) }));
  return (
    <aside className="cv-card" aria-label="What it needs">
      <Facts
        title="What it takes"
        facts={[
          ["Kind", image.hvm ? "HVM" : "PV or PVH"],
          ["Memory", Number.isFinite(memory) ? mibOf(memory) : "as computed for each host"],
          ["vCPUs", typeof value("vcpus") === "number" ? Number(value("vcpus")) : "1"],
          ["You may change", `${open} of ${image.options.length} options`],
        ]}
      />
      <h2>Where it can run</h2>
      <ul className="cv-looks">
        {verdicts.map(({ name, why }) => (
          <li key={name}>
            <Status tone={why === undefined ? "good" : "off"}>
              <Link to={`/hosts/${name}`}>{name}</Link>
            </Status>
            {why !== undefined && <span className="cv-quiet">{why}</span>}
          </li>
        ))}
        {verdicts.length === 0 && <li className="cv-quiet">There is no host yet.</li>}
      </ul>
    </aside>
  );
}

type Host = NonNullable<Awaited<ReturnType<typeof call<"GET /hosts">>>>["items"][number];

/** As far as one can say without asking the host itself. */
function whyNot(image: ImageView, memoryMib: number, host: Host): string | undefined {
  if (host.contact === "silent") return "is silent";
  if (host.draining) return "takes no new jobs";
  if (image.hvm && host.facts?.virtCaps !== "" && host.facts?.virtCaps.includes("hvm") === false) return "has no HVM";
  if (Number.isFinite(memoryMib) && host.freeMemoryMib !== null && host.freeMemoryMib < memoryMib)
    return `has ${mibOf(host.freeMemoryMib)} of memory free`;
  return undefined;
}
