// An image's files: the source in the middle, what lint says of it as one types, and beside it the form that the options make. Nothing is written before the
// difference has been seen.
import type { ImageView } from "@convirt/contract/image";
import { Button } from "@patternfly/react-core/dist/esm/components/Button";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useBeforeUnload, useBlocker, useParams, useSearchParams } from "react-router";
import { call } from "../api/client";
import { Vanished } from "../images/Vanished";
import { Confirm } from "../parts/Confirm";
import { ErrorLine } from "../parts/ErrorLine";
import { LinkButton } from "../parts/LinkButton";
import { PageHead } from "../parts/PageHead";
import { Skeletons } from "../parts/Skeletons";
import { Status } from "../parts/Status";
import { Thing } from "../parts/Thing";
import { count } from "../parts/words";
import { EditorFindings } from "./EditorFindings";
import { EditorOptions } from "./EditorOptions";
import { SaveDialog } from "./SaveDialog";
import { Source } from "./Source";
import { useFiles } from "./useFiles";

export function Editor() {
  const { name = "" } = useParams();
  const image = useQuery({
    queryKey: ["images", "one", name],
    queryFn: ({ signal }) => call("GET /images/:name", { params: { name }, signal }),
  });
  return (
    <Thing isPage query={image} act="Cannot edit the image" skeleton={<Skeletons lines={10} />}>
      {(data) => (
        <>
          <Vanished name={name} error={image.error} />
          <EditorPage key={name} image={data} />
        </>
      )}
    </Thing>
  );
}

const firstFiles = ["image.conf", "vm_conf.template", "provision.sh", "description.html", "description.htm"];
const largest = 1024 * 1024;

/** The files that can be edited, the ones that every image has first. */
function editable(image: ImageView): string[] {
  const rank = (path: string) => (firstFiles.indexOf(path) + 99) % 99;
  return image.files
    .filter(({ bytes, path }) => bytes <= largest && !/\.(gz|xz|bz2|zst|img|qcow2|iso|tar|zip|png|jpg)$/.test(path))
    .map(({ path }) => path)
    .sort((a, b) => rank(a) - rank(b) || (a < b ? -1 : 1));
}

function EditorPage({ image }: { image: ImageView }) {
  const [search, setSearch] = useSearchParams();
  const paths = editable(image);
  const path = search.get("file") ?? paths[0] ?? "image.conf";
  const files = useFiles(image.name, path);
  const [isSaving, setSaving] = useState(false);
  const blocker = useBlocker(
    ({ currentLocation, nextLocation }) =>
      files.changed.length > 0 && currentLocation.pathname !== nextLocation.pathname,
  );
  useBeforeUnload((event) => {
    if (files.changed.length > 0) event.preventDefault();
  });
  const diagnostics = files.draft?.diagnostics ?? image.diagnostics;
  const errors = diagnostics.filter(({ severity }) => severity === "error").length;
  const warnings = diagnostics.filter(({ severity }) => severity === "warning").length;
  return (
    <>
      <PageHead
        title={image.name}
        kind="Editor"
        parent={{ to: `/images/${image.name}`, title: image.name }}
        status={
          errors > 0 ? (
            <Status tone="bad">{count(errors, "error")}</Status>
          ) : (
            <Status tone="good">{warnings > 0 ? `Accepted, ${count(warnings, "warning")}` : "Accepted"}</Status>
          )
        }
        sentence="Whoever writes an image is root on the hosts that it is provisioned to."
        acts={
          <>
            <Button isDisabled={files.changed.length === 0} onClick={() => setSaving(true)}>
              {files.changed.length > 1 ? `Save ${files.changed.length} files` : "Save"}
            </Button>
            <LinkButton to={`/images/${image.name}`} variant="secondary">
              Close
            </LinkButton>
          </>
        }
      />
      {files.error !== null && <ErrorLine error={files.error} />}
      <div className="cv-editor">
        <nav aria-label="Files" className="cv-editor-files">
          {paths.map((each) => (
            <button
              key={each}
              type="button"
              aria-current={each === path}
              onClick={() => setSearch({ file: each }, { replace: true })}
            >
              {each}
              {files.changed.includes(each) && <span className="cv-changed" role="img" aria-label="changed" />}
            </button>
          ))}
        </nav>
        <div className="cv-editor-middle">
          {files.text === undefined ? (
            <Skeletons lines={12} />
          ) : (
            <Source
              key={path}
              path={path}
              text={files.text}
              line={Number(search.get("line") ?? 0)}
              diagnostics={diagnostics.filter(({ file }) => file === path)}
              onChange={files.edit}
              onSave={() => files.changed.length > 0 && setSaving(true)}
            />
          )}
          <EditorFindings
            diagnostics={diagnostics}
            onOpen={(file, line) => setSearch({ file, line: String(line) }, { replace: true })}
          />
        </div>
        <EditorOptions
          options={(files.draft?.options ?? image.options).filter(({ file }) => file === path)}
          path={path}
          onSet={files.setOption}
        />
      </div>
      {isSaving && <SaveDialog image={image} files={files} onClose={() => setSaving(false)} />}
      {blocker.state === "blocked" && (
        <Confirm
          title="Leave without saving?"
          act="Leave, and lose the changes"
          isDanger
          run={async () => blocker.proceed()}
          onDone={() => undefined}
          onClose={() => blocker.reset()}
        >
          What you changed in {files.changed.join(", ")} is not saved.
        </Confirm>
      )}
    </>
  );
}
