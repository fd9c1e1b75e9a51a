import type { HostView } from "@convirt/contract/host";
import type { ImageView } from "@convirt/contract/image";
import { useQuery } from "@tanstack/react-query";
import { call } from "../api/client";
import { Status } from "../parts/Status";
import { mibOf } from "../parts/sizes";
import type { ChangeDraft, Draft } from "./draft";
import { Section } from "./Section";

interface Props {
  draft: Draft;
  change: ChangeDraft;
}

export function ImageSection({ draft, change }: Props) {
  const images = useQuery({
    queryKey: ["images", "all"],
    queryFn: ({ signal }) => call("GET /images", { query: { perPage: 1000 }, signal }),
  });
  const usable = (images.data?.items ?? []).filter(
    ({ accepted, template, platform }) => accepted && !template && platform === "xen",
  );
  return (
    <Section number={1} title="Image">
      <label htmlFor="provision-image" className="cv-label">
        Which image
      </label>
      <select
        id="provision-image"
        className="cv-select"
        value={draft.image}
        onChange={({ target }) => change({ image: target.value, values: {} })}
      >
        <option value="">Choose an image</option>
        {usable.map(({ name, osName, osVersion }) => (
          <option key={name} value={name}>
            {name}
            {osName === null ? "" : ` (${[osName, osVersion].filter(Boolean).join(" ")})`}
          </option>
        ))}
      </select>
    </Section>
  );
}

/** The table of verdicts: each host with what speaks for and against it. */
export function WhereSection({ draft, change, image }: Props & { image: ImageView }) {
  const hosts = useQuery({
    queryKey: ["hosts", "all"],
    queryFn: ({ signal }) => call("GET /hosts", { query: { perPage: 1000 }, signal }),
  });
  const memory = Number(
    image.options.find(({ name, file }) => name === "memory" && file === "vm_conf.template")?.default,
  );
  return (
    <Section number={2} title="Where">
      <fieldset className="cv-hosts-choice">
        <legend className="cv-label">Which host</legend>
        {(hosts.data?.items ?? [])
          .filter(({ contact }) => contact !== "invited")
          .map((host) => {
            const why = against(host, memory);
            return (
              <label key={host.name} data-off={why !== undefined}>
                <input
                  type="radio"
                  name="host"
                  value={host.name}
                  checked={draft.host === host.name}
                  disabled={why !== undefined}
                  onChange={() => change({ host: host.name })}
                />
                <strong>{host.name}</strong>
                <span className="cv-quiet">
                  {host.freeMemoryMib === null ? "" : `${mibOf(host.freeMemoryMib)} of memory free`}
                  {host.domains === null ? "" : `, ${host.domains} ${host.domains === 1 ? "VM" : "VMs"}`}
                </span>
                <Status tone={why === undefined ? "good" : "off"}>{why ?? "can take it"}</Status>
              </label>
            );
          })}
      </fieldset>
    </Section>
  );
}

function against(host: HostView, memoryMib: number): string | undefined {
  if (host.contact === "silent") return "is silent";
  if (host.draining) return "takes no new jobs";
  if (Number.isFinite(memoryMib) && host.freeMemoryMib !== null && host.freeMemoryMib < memoryMib)
    return `too little memory: ${mibOf(memoryMib)} needed`;
  return undefined;
}
