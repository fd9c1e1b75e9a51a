import { Button } from "@patternfly/react-core/dist/esm/components/Button";
import { Checkbox } from "@patternfly/react-core/dist/esm/components/Checkbox";
import { Form, FormGroup } from "@patternfly/react-core/dist/esm/components/Form";
import { Modal, ModalBody, ModalFooter, ModalHeader } from "@patternfly/react-core/dist/esm/components/Modal";
import { TextInput } from "@patternfly/react-core/dist/esm/components/TextInput";
import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { useNavigate } from "react-router";
import { call } from "../api/client";
import { ErrorLine } from "../parts/ErrorLine";
import { bytesOf } from "../parts/sizes";

/** An archive by drag and drop, or chosen. It is looked through before a file of it is written. */
export function Import({ onClose }: { onClose: () => void }) {
  const navigate = useNavigate();
  const [file, setFile] = useState<File>();
  const [name, setName] = useState("");
  const [isOver, setOver] = useState(false);
  const [modernise, setModernise] = useState(false);
  const [replace, setReplace] = useState(false);
  const take = useMutation({
    mutationFn: (archive: File) =>
      call("POST /images/import", {
        bytes: archive,
        query: { modernise, replace, name: name.trim() === "" ? undefined : name.trim() },
      }),
    onSuccess: (image) => void navigate(`/images/${image.name}`),
  });
  return (
    <Modal isOpen variant="medium" onClose={onClose} aria-labelledby="import-title">
      <ModalHeader
        title="Import an image"
        labelId="import-title"
        description="A tar, tar.gz or tar.zst with one folder: the image. Nothing of it is run here."
      />
      <ModalBody>
        <Form
          id="import-form"
          onSubmit={(event) => {
            event.preventDefault();
            if (file !== undefined) take.mutate(file);
          }}
        >
          {take.error !== null && <ErrorLine error={take.error} />}
          <label
            className="cv-drop"
            data-over={isOver}
            onDragOver={(event) => {
              event.preventDefault();
              setOver(true);
            }}
            onDragLeave={() => setOver(false)}
            onDrop={(event) => {
              event.preventDefault();
              setOver(false);
              setFile(event.dataTransfer.files[0]);
            }}
          >
            <input type="file" accept=".tar,.gz,.tgz,.zst" onChange={({ target }) => setFile(target.files?.[0])} />
            {file === undefined ? "Drop an archive here, or choose one" : `${file.name}, ${bytesOf(file.size)}`}
          </label>
          <FormGroup label="Name" fieldId="import-name">
            <TextInput
              id="import-name"
              autoComplete="off"
              placeholder="as the archive's folder"
              value={name}
              onChange={(_, value) => setName(value)}
            />
          </FormGroup>
          <Checkbox
            id="import-modernise"
            label="Take the store's own functions in place of copies of 2009 that it brings"
            isChecked={modernise}
            onChange={(_, isChecked) => setModernise(isChecked)}
          />
          <Checkbox
            id="import-replace"
            label="Replace an image of that name"
            isChecked={replace}
            onChange={(_, isChecked) => setReplace(isChecked)}
          />
          <p className="cv-hint">
            An image's script runs as root on the hosts that it is provisioned to. Import only what you trust.
          </p>
        </Form>
      </ModalBody>
      <ModalFooter>
        <Button
          type="submit"
          form="import-form"
          isDisabled={file === undefined || take.isPending}
          isLoading={take.isPending}
        >
          Import
        </Button>
        <Button variant="link" onClick={onClose}>
          Leave
        </Button>
      </ModalFooter>
    </Modal>
  );
}
