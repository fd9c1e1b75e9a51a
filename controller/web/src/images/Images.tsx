import type { ImageSummary } from "@convirt/contract/image";
import { Button } from "@patternfly/react-core/dist/esm/components/Button";
import CubesIcon from "@patternfly/react-icons/dist/esm/icons/cubes-icon";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { Link, useSearchParams } from "react-router";
import { call } from "../api/client";
import { Empty } from "../parts/Empty";
import { ErrorLine } from "../parts/ErrorLine";
import { Filters } from "../parts/Filters";
import { PageHead } from "../parts/PageHead";
import { Status } from "../parts/Status";
import { bytesOf } from "../parts/sizes";
import { Ago } from "../parts/Time";
import { count } from "../parts/words";
import { useMay, useMayAnywhere } from "../sign-in/Session";
import { type Column, Table } from "../table/Table";
import { Import } from "./Import";

const columns: readonly Column<ImageSummary>[] = [
  {
    title: "Name",
    width: "1.8fr",
    sort: "name",
    cell: (image) => (
      <Link to={`/images/${image.name}`} tabIndex={-1}>
        {image.name}
      </Link>
    ),
  },
  {
    title: "Guest",
    width: "1.4fr",
    sort: "osName",
    cell: (image) => [image.osName ?? image.osFlavor, image.osVersion].filter(Boolean).join(" ") || "not said",
  },
  {
    title: "Kind",
    width: "7rem",
    narrow: "second",
    cell: (image) => (image.template ? "template" : image.hvm ? "HVM" : "PV or PVH"),
  },
  { title: "VMs", width: "4.5rem", sort: "vms", isNumber: true, narrow: "second", cell: (image) => image.vms },
  {
    title: "Size",
    width: "6rem",
    sort: "bytes",
    isNumber: true,
    narrow: "hide",
    cell: (image) => bytesOf(image.bytes),
  },
  {
    title: "Changed",
    width: "1fr",
    sort: "changedAt",
    narrow: "second",
    cell: (image) => <Ago at={image.changedAt} />,
  },
];

export function Images() {
  const [search, setSearch] = useSearchParams();
  const mayWrite = useMayAnywhere("image_author");
  const mayScan = useMay("operator");
  const queries = useQueryClient();
  const [total, setTotal] = useState<number>();
  const sort = search.get("sort") ?? "name";
  const name = search.get("name") ?? undefined;
  const rejected = useQuery({
    queryKey: ["images", "rejected"],
    queryFn: ({ signal }) => call("GET /images", { query: { accepted: false, perPage: 1000 }, signal }),
  });
  const scan = useMutation({
    mutationFn: () => call("POST /images/scan"),
    onSuccess: () => queries.invalidateQueries({ queryKey: ["images"] }),
  });
  const bad = rejected.data?.items ?? [];
  return (
    <>
      <PageHead
        title="Images"
        sentence={
          total === undefined
            ? undefined
            : `${count(total, "image")} can be used${bad.length > 0 ? `; ${count(bad.length, "image")} cannot, see below` : ""}.`
        }
        acts={
          <>
            {mayWrite && <Button onClick={() => setSearch({ panel: "import" }, { replace: true })}>Import</Button>}
            {mayScan && (
              <Button variant="secondary" isDisabled={scan.isPending} onClick={() => scan.mutate()}>
                Read the store again
              </Button>
            )}
          </>
        }
      />
      {scan.error !== null && <ErrorLine error={scan.error} />}
      <Filters text={{ name: "name", label: "Name" }} selects={[]} />
      <Table
        label="images"
        queryKey={["images", "list", sort, name]}
        read={(page, signal) => call("GET /images", { query: { ...page, sort, name, accepted: true }, signal })}
        columns={columns}
        rowKey={(image) => image.name}
        rowTo={(image) => `/images/${image.name}`}
        onTotal={setTotal}
        empty={
          <Empty title={name === undefined ? "No image yet" : "No image matches"} icon={CubesIcon}>
            {name === undefined
              ? "An image is a folder: the VM's configuration as a template, parameters, and a script that makes the disks. Import one, or put a folder into the store."
              : "Clear the filter to see all images."}
          </Empty>
        }
      />
      {bad.length > 0 && (
        <section className="cv-section">
          <h2>Rejected</h2>
          <ul className="cv-rejected">
            {bad.map((image) => (
              <li key={image.name}>
                <Status tone="bad">
                  <Link to={`/images/${image.name}`}>{image.name}</Link>
                </Status>
                <span>{image.reason}</span>
                {mayWrite && image.version !== null && <Link to={editorAt(image)}>Mend it</Link>}
              </li>
            ))}
          </ul>
        </section>
      )}
      {search.get("panel") === "import" && <Import onClose={() => setSearch({}, { replace: true })} />}
    </>
  );
}

/** The editor, at the file and line that the reason names. */
function editorAt({ name, reason }: ImageSummary): string {
  const [, file, line] = /^([^:\s]+):(\d+):/.exec(reason ?? "") ?? [];
  return `/images/${name}/edit${file === undefined ? "" : `?file=${encodeURIComponent(file)}&line=${line}`}`;
}
