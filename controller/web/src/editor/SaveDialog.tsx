import type { ImageView } from "@convirt/contract/image";
import { Button } from "@patternfly/react-core/dist/esm/components/Button";
import { Checkbox } from "@patternfly/react-core/dist/esm/components/Checkbox";
import { Modal, ModalBody, ModalFooter, ModalHeader } from "@patternfly/react-core/dist/esm/components/Modal";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { ApiError, call } from "../api/client";
import { Comparison } from "../parts/Comparison";
import { ErrorLine } from "../parts/ErrorLine";
import { count } from "../parts/words";
import type { Files } from "./useFiles";

/** What will be written, before it is; and how many VMs came from the version that it takes the place of. */
export function SaveDialog({ image, files, onClose }: { image: ImageView; files: Files; onClose: () => void }) {
  const queries = useQueryClient();
  const [isForced, setForced] = useState(false);
  const errors = (files.draft?.diagnostics ?? []).filter(({ severity }) => severity === "error").length;
  const save = useMutation({
    mutationFn: async () => {
      const paths = [...files.changed];
      for (const [index, path] of paths.entries()) {
        const file = files.all.get(path);
        if (file === undefined) continue;
        // Of several files, what lint says in between is of neither the old nor the new image.
        const force = isForced || index < paths.length - 1;
        const { sha256 } = await call("PUT /images/:name/files/*path", {
          params: { name: image.name, path },
          body: { text: file.text, sha256: file.sha256, force },
        });
        files.saved(path, sha256);
      }
    },
    onSuccess: () => {
      void queries.invalidateQueries({ queryKey: ["images"] });
      onClose();
    },
  });
  const changedMeanwhile = save.error instanceof ApiError && save.error.code === "changed_meanwhile";
  return (
    <Modal isOpen variant="large" onClose={onClose} aria-labelledby="save-title">
      <ModalHeader
        title={`Save ${files.changed.length === 1 ? files.changed[0] : count(files.changed.length, "file")}`}
        labelId="save-title"
        description={
          image.vms === 0
            ? "No VM was made of this image yet."
            : `${count(image.vms, "VM")} made of this image ${image.vms === 1 ? "stays" : "stay"} as made; new ones come from the new version.`
        }
      />
      <ModalBody>
        {save.error !== null && <ErrorLine error={save.error} />}
        {changedMeanwhile && <ChangedMeanwhile image={image.name} files={files} onRead={save.reset} />}
        {files.changed.map((path) => {
          const file = files.all.get(path);
          return file === undefined ? null : (
            <Comparison
              key={`${path} ${file.sha256}`}
              title={path}
              label={`What changes in ${path}`}
              sides={["As it is stored", "As you will save it"]}
              before={file.saved}
              after={file.text}
            />
          );
        })}
        {errors > 0 && (
          <Checkbox
            id="save-forced"
            label={`Save although lint finds ${count(errors, "error")}; the image is then rejected until they are mended`}
            isChecked={isForced}
            onChange={(_, isChecked) => setForced(isChecked)}
          />
        )}
      </ModalBody>
      <ModalFooter>
        <Button
          onClick={() => save.mutate()}
          isDisabled={(errors > 0 && !isForced) || save.isPending}
          isLoading={save.isPending}
        >
          Save
        </Button>
        <Button variant="link" onClick={onClose}>
          Go on editing
        </Button>
      </ModalFooter>
    </Modal>
  );
}

/** Somebody else was faster: what stands there now takes the place of what was read, so that the comparison is with theirs. What was typed stays. */
function ChangedMeanwhile({ image, files, onRead }: { image: string; files: Files; onRead: () => void }) {
  const read = useMutation({
    mutationFn: async () => {
      for (const path of files.changed)
        files.basedOn(await call("GET /images/:name/files/*path", { params: { name: image, path } }));
    },
    onSuccess: onRead,
  });
  return (
    <div className="cv-warning">
      <p>
        Nothing that you typed is lost. Compare it with what stands there now; saving after that puts yours in its
        place.
      </p>
      <Button variant="secondary" size="sm" onClick={() => read.mutate()} isLoading={read.isPending}>
        Compare with what is there now
      </Button>
      {read.error !== null && <ErrorLine error={read.error} />}
    </div>
  );
}
