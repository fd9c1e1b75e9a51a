import type { ImageView } from "@convirt/contract/image";
import { useQuery } from "@tanstack/react-query";
import { useParams } from "react-router";
import { call } from "../api/client";
import { JobList } from "../jobs/JobList";
import { PageHead } from "../parts/PageHead";
import { PlainHead } from "../parts/PlainHead";
import { Skeletons } from "../parts/Skeletons";
import { Status } from "../parts/Status";
import { bytesOf } from "../parts/sizes";
import { Tabs } from "../parts/Tabs";
import { Thing } from "../parts/Thing";
import { Ago } from "../parts/Time";
import { count } from "../parts/words";
import { VmList } from "../vms/VmList";
import { Description } from "./Description";
import { Findings } from "./Findings";
import { ImageActs } from "./ImageActs";
import { ImageNeeds } from "./ImageNeeds";
import { ImageOptions } from "./ImageOptions";
import { Versions } from "./Versions";

export function Image() {
  const { name = "" } = useParams();
  const image = useQuery({
    queryKey: ["images", "one", name],
    queryFn: ({ signal }) => call("GET /images/:name", { params: { name }, signal }),
  });
  return (
    <Thing isPage query={image} act="Cannot show the image" skeleton={<Skeletons lines={8} />}>
      {(data) => <ImagePage image={data} />}
    </Thing>
  );
}

function ImagePage({ image }: { image: ImageView }) {
  const guest = [image.osName ?? image.osFlavor, image.osVersion].filter(Boolean).join(" ");
  return (
    <>
      <PageHead
        title={image.name}
        kind={image.template ? "Template" : "Image"}
        parent={{ to: "/images", title: "Images" }}
        status={<Status tone={image.accepted ? "good" : "bad"}>{image.accepted ? "Accepted" : "Rejected"}</Status>}
        sentence={
          <>
            {guest === "" ? "" : `${guest}; `}
            {image.vms === 0 ? "no VM was made of it yet" : `${count(image.vms, "VM")} made of it`}; changed{" "}
            <Ago at={image.changedAt} />.
          </>
        }
        acts={<ImageActs image={image} />}
      />
      {!image.accepted && <p className="cv-failure">It cannot be provisioned: {image.reason}</p>}
      <div className="cv-image-top">
        <Description html={image.descriptionHtml} />
        <ImageNeeds image={image} />
      </div>
      <Tabs
        label="Of this image"
        tabs={[
          {
            key: "options",
            title: "Options",
            count: image.options.length,
            content: () => <ImageOptions options={image.options} />,
          },
          {
            key: "findings",
            title: "Findings",
            count: image.diagnostics.length,
            content: () => <Findings image={image} />,
          },
          { key: "files", title: "Files", count: image.files.length, content: () => <Files image={image} /> },
          {
            key: "versions",
            title: "Versions",
            count: image.versions.length,
            content: () => <Versions image={image} />,
          },
          {
            key: "vms",
            title: "VMs",
            count: image.vms,
            content: () => (
              <VmList filter={{ image: image.name }} version={image.version} empty="No VM was made of it yet." />
            ),
          },
          { key: "jobs", title: "Jobs", content: () => <JobList filter={{ image: image.name }} /> },
        ]}
      />
    </>
  );
}

function Files({ image }: { image: ImageView }) {
  return (
    <table className="cv-plain-table">
      <PlainHead columns={["Path", "Mode", "SHA-256", { title: "Size", isNumber: true }]} />
      <tbody>
        {image.files.map(({ path, mode, sha256, bytes }) => (
          <tr key={path}>
            <td>
              <code>{path}</code>
            </td>
            <td>
              <code>{mode}</code>
            </td>
            <td>
              <code title={sha256}>{sha256.slice(0, 12)}</code>
            </td>
            <td data-number="true">{bytesOf(bytes)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
