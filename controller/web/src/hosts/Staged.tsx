import type { StagedTree } from "@convirt/contract/host";
import type { ImageSummary } from "@convirt/contract/image";
import { useQuery } from "@tanstack/react-query";
import { Link } from "react-router";
import { call } from "../api/client";
import { Empty } from "../parts/Empty";
import { PlainHead } from "../parts/PlainHead";
import { Skeletons } from "../parts/Skeletons";
import { bytesOf } from "../parts/sizes";
import { Thing } from "../parts/Thing";
import { Ago } from "../parts/Time";
import { count } from "../parts/words";

/** The images that are on the host already, as it says at this moment. */
export function Staged({ host }: { host: string }) {
  const staged = useQuery({
    queryKey: ["hosts", "one", host, "staged"],
    queryFn: ({ signal }) => call("GET /hosts/:name/staged", { params: { name: host }, signal }),
    // The host is asked: when it is not in contact, asking again at once changes nothing.
    retry: false,
  });
  const images = useQuery({
    queryKey: ["images", "all"],
    queryFn: ({ signal }) => call("GET /images", { query: { perPage: 1000 }, signal }),
  });
  return (
    <Thing query={staged} act={`Cannot ask ${host} what is staged`} skeleton={<Skeletons lines={4} />}>
      {({ items }) =>
        items.length === 0 ? (
          <Empty title="Nothing is staged">
            An image is sent here when the first VM is made of it, and again, as far as it differs, when it has changed.
          </Empty>
        ) : (
          <>
            <p className="cv-quiet">
              {count(items.length, "folder")} of the image store {items.length === 1 ? "is" : "are"} here,{" "}
              {bytesOf(items.reduce((sum, { bytes }) => sum + bytes, 0))} in all. What is here in the version of now
              need not be sent again.
            </p>
            <StagedTable trees={items} images={images.data?.items} />
          </>
        )
      }
    </Thing>
  );
}

function StagedTable({ trees, images }: { trees: readonly StagedTree[]; images: readonly ImageSummary[] | undefined }) {
  return (
    <table className="cv-plain-table">
      <PlainHead columns={["Name", "Version", "Staged", "Last used", { title: "Size", isNumber: true }]} />
      <tbody>
        {trees.map((tree) => {
          const image = images?.find(({ name }) => name === tree.name);
          return (
            <tr key={tree.name}>
              <td>{image === undefined ? tree.name : <Link to={`/images/${tree.name}`}>{tree.name}</Link>}</td>
              <td>
                <code title={tree.version}>{tree.version.slice(0, 8)}</code>{" "}
                <span className="cv-quiet">{images !== undefined && ageOf(tree, image)}</span>
              </td>
              <td>
                <Ago at={tree.stagedAt} />
              </td>
              <td>
                {tree.lastUsedAt === null ? (
                  <span className="cv-quiet" title="Its agent is of an older release, which does not tell">
                    not known
                  </span>
                ) : (
                  <Ago at={tree.lastUsedAt} />
                )}
              </td>
              <td data-number="true">{bytesOf(tree.bytes)}</td>
            </tr>
          );
        })}
      </tbody>
    </table>
  );
}

const shared: ReadonlySet<string> = new Set(["common", "custom_scripts"]);

function ageOf(tree: StagedTree, image: ImageSummary | undefined): string {
  if (shared.has(tree.name)) return "for all images";
  if (image === undefined) return "not in the store any more";
  return image.version === tree.version ? "as it is now" : "older";
}
