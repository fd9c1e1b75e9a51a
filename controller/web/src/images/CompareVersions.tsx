// Two versions of an image, file by file: what came, what went, and which lines differ.
import type { FileDiff, ImageDiff } from "@convirt/contract/image";
import { useQuery } from "@tanstack/react-query";
import { useParams } from "react-router";
import { call } from "../api/client";
import { visible } from "../log/ansi";
import { DiffLines, linesOfHunks } from "../parts/Diff";
import { Empty } from "../parts/Empty";
import { Facts } from "../parts/Facts";
import { LinkButton } from "../parts/LinkButton";
import { PageHead } from "../parts/PageHead";
import { Skeletons } from "../parts/Skeletons";
import { bytesOf } from "../parts/sizes";
import { Thing } from "../parts/Thing";
import { Moment } from "../parts/Time";
import { count } from "../parts/words";

export function CompareVersions() {
  const { name = "", before = "", after = "" } = useParams();
  const diff = useQuery({
    queryKey: ["images", "diff", name, before, after],
    queryFn: ({ signal }) =>
      call("GET /images/:name/versions/:before/diff/:after", { params: { name, before, after }, signal }),
  });
  return (
    <Thing isPage query={diff} act="Cannot compare the versions" skeleton={<Skeletons lines={8} />}>
      {(data) => <Pair diff={data} />}
    </Thing>
  );
}

function Pair({ diff: { image, before, after, files, same, filesLeftOut } }: { diff: ImageDiff }) {
  const differing = files.length + filesLeftOut;
  return (
    <>
      <PageHead
        title={`Compare two versions of ${image}`}
        kind="Comparison"
        parent={{ to: `/images/${image}?tab=versions`, title: image }}
        sentence={`${count(differing, "file")} ${differing === 1 ? "differs" : "differ"}; ${count(same, "file")} ${same === 1 ? "is" : "are"} the same.`}
        acts={
          <LinkButton
            to={`/images/${image}/versions/${after.version.slice(0, 12)}/${before.version.slice(0, 12)}`}
            variant="secondary"
          >
            The other way round
          </LinkButton>
        }
      />
      <Facts
        facts={[
          ["From", <Version key="from" of={before} />],
          ["To", <Version key="to" of={after} />],
        ]}
      />
      {differing === 0 && <Empty title="No difference">Both versions hold the same files.</Empty>}
      {files.map((file) => (
        <File key={file.path} file={file} />
      ))}
      {filesLeftOut > 0 && (
        <p className="cv-quiet">{count(filesLeftOut, "more file")} differ; that is more than one page shows.</p>
      )}
    </>
  );
}

function Version({ of: { version, seenAt, current } }: { of: ImageDiff["before"] }) {
  return (
    <>
      <code title={version}>{version.slice(0, 12)}</code>
      <span className="cv-quiet">
        , first seen <Moment at={seenAt} />
        {current && "; as it is now"}
      </span>
    </>
  );
}

const changes: Readonly<Record<FileDiff["change"], string>> = {
  added: "added",
  removed: "removed",
  changed: "changed",
  mode_changed: "the same text, another mode",
};

const reasons: Readonly<Record<Exclude<FileDiff["shown"], "text">, string>> = {
  binary: "It is no text, so that only its size and digest are known.",
  secret: "It holds the value of a secret option, and is not kept: only its size and digest are known.",
  too_large: "It is larger than what is kept of a file, so that only its size and digest are known.",
  beyond_limit: "The image holds more than is kept of one version, so that only its size and digest are known.",
};

function File({ file }: { file: FileDiff }) {
  const { path, change, shown, hunks, coarse, linesLeftOut } = file;
  const name = visible(path);
  return (
    <section className="cv-section cv-version-file" aria-label={name}>
      <h2>
        <code>{name}</code>
      </h2>
      <p className="cv-quiet">
        {changes[change]}; {statesOf(file)}
      </p>
      {shown !== "text" && <p>{reasons[shown]}</p>}
      {coarse && <p className="cv-quiet">Too much differs in it for the shortest difference to be looked for.</p>}
      {hunks.length > 0 && <DiffLines lines={linesOfHunks(hunks.map(({ lines }) => lines))} />}
      {linesLeftOut > 0 && (
        <p className="cv-quiet">{count(linesLeftOut, "more line")} of it; that is more than one page shows.</p>
      )}
    </section>
  );
}

/** Its mode and size; of each both, what it was and what it is, where they differ. */
function statesOf({ before, after }: FileDiff): string {
  const states = [before, after].filter((state) => state !== null);
  const both = (texts: string[]) => [...new Set(texts)].join(" → ");
  return `${both(states.map(({ mode }) => mode))}, ${both(states.map(({ bytes }) => bytesOf(bytes)))}`;
}
