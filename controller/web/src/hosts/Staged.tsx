import type { StagedTree } from "@convirt/contract/host";
import type { ImageSummary } from "@convirt/contract/image";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect, useRef, useState } from "react";
import { Link } from "react-router";
import { call } from "../api/client";
import { Empty } from "../parts/Empty";
import { PlainHead } from "../parts/PlainHead";
import { RowAct } from "../parts/RowAct";
import { Skeletons } from "../parts/Skeletons";
import { Status } from "../parts/Status";
import { bytesOf } from "../parts/sizes";
import { Thing } from "../parts/Thing";
import { Ago } from "../parts/Time";
import { count } from "../parts/words";
import { useMay } from "../sign-in/Session";
import { Unstage } from "./Unstage";

interface Props {
  host: string;
  /** What its agent can. */
  features: readonly string[];
}

/** The images that are on the host already, as it says at this moment. */
export function Staged({ host, features }: Props) {
  const queries = useQueryClient();
  const [removed, setRemoved] = useState<{ name: string; freedBytes: number }>();
  const queryKey = ["hosts", "one", host, "staged"];
  const staged = useQuery({
    queryKey,
    queryFn: ({ signal }) => call("GET /hosts/:name/staged", { params: { name: host }, signal }),
    // The host is asked: when it is not in contact, asking again at once changes nothing.
    retry: false,
  });
  const canRemove = features.includes("staging.remove");
  const mayRemove = useMay("vm_admin", "host", host);
  return (
    <>
      <Result host={host} removed={removed} />
      <Thing query={staged} act={`Cannot ask ${host} what is staged`} skeleton={<Skeletons lines={4} />}>
        {({ items }) =>
          items.length === 0 ? (
            <Empty title="Nothing is staged">
              An image is sent here when the first VM is made of it, and again, as far as it differs, when it has
              changed.
            </Empty>
          ) : (
            <>
              <p className="cv-quiet">
                {count(items.length, "folder")} of the image store {items.length === 1 ? "is" : "are"} here,{" "}
                {bytesOf(items.reduce((sum, { bytes }) => sum + bytes, 0))} in all. What is here in the version of now
                need not be sent again.
                {mayRemove && !canRemove && " To remove what is here, update its agent."}
              </p>
              <StagedTable
                host={host}
                trees={items}
                mayRemove={mayRemove && canRemove}
                onRemoved={(name, freedBytes) => {
                  setRemoved({ name, freedBytes });
                  void queries.invalidateQueries({ queryKey });
                }}
              />
            </>
          )
        }
      </Thing>
    </>
  );
}

/** Takes the focus, for the button that was pressed goes with its row. */
function Result({ host, removed }: { host: string; removed: { name: string; freedBytes: number } | undefined }) {
  const line = useRef<HTMLParagraphElement>(null);
  useEffect(() => {
    if (removed !== undefined) line.current?.focus();
  }, [removed]);
  return (
    <p role="status" ref={line} tabIndex={-1}>
      {removed !== undefined && (
        <Status tone="good">
          {removed.name} is removed from {host}: {bytesOf(removed.freedBytes)} freed
        </Status>
      )}
    </p>
  );
}

interface TableProps {
  host: string;
  trees: readonly StagedTree[];
  mayRemove: boolean;
  onRemoved: (name: string, freedBytes: number) => void;
}

function StagedTable({ host, trees, mayRemove, onRemoved }: TableProps) {
  const [chosen, setChosen] = useState<StagedTree>();
  const images = useQuery({
    queryKey: ["images", "all"],
    queryFn: ({ signal }) => call("GET /images", { query: { perPage: 1000 }, signal }),
  });
  const imageOf = (tree: StagedTree) => images.data?.items.find(({ name }) => name === tree.name);
  return (
    <>
      <table className="cv-plain-table">
        <PlainHead
          columns={["Name", "Version", "Staged", "Last used", { title: "Size", isNumber: true }]}
          hasActs={mayRemove}
        />
        <tbody>
          {trees.map((tree) => (
            <tr key={tree.name}>
              <TreeCells tree={tree} image={imageOf(tree)} isKnown={images.data !== undefined} />
              {mayRemove && (
                <td className="cv-row-acts">
                  {images.data !== undefined && !shared.has(tree.name) && (
                    <RowAct
                      act="Remove"
                      label={`Remove ${tree.name} from ${host}`}
                      isDanger
                      onClick={() => setChosen(tree)}
                    />
                  )}
                </td>
              )}
            </tr>
          ))}
        </tbody>
      </table>
      {chosen !== undefined && (
        <Unstage
          host={host}
          tree={chosen}
          image={imageOf(chosen)}
          onDone={(freedBytes) => onRemoved(chosen.name, freedBytes)}
          onClose={() => setChosen(undefined)}
        />
      )}
    </>
  );
}

/** `isKnown`: whether it is known yet what the store holds. */
function TreeCells({ tree, image, isKnown }: { tree: StagedTree; image: ImageSummary | undefined; isKnown: boolean }) {
  return (
    <>
      <td>{image === undefined ? tree.name : <Link to={`/images/${tree.name}`}>{tree.name}</Link>}</td>
      <td>
        <code title={tree.version}>{tree.version.slice(0, 8)}</code>{" "}
        <span className="cv-quiet">{isKnown && ageOf(tree, image)}</span>
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
    </>
  );
}

const shared: ReadonlySet<string> = new Set(["common", "custom_scripts"]);

function ageOf(tree: StagedTree, image: ImageSummary | undefined): string {
  if (shared.has(tree.name)) return "for all images";
  if (image === undefined) return "not in the store any more";
  return image.version === tree.version ? "as it is now" : "older";
}
