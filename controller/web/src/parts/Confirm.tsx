// Before an act that changes a host: one sentence on what it does, where, and whether it can be undone. What cannot be undone asks for the name.
import { Button } from "@patternfly/react-core/dist/esm/components/Button";
import { Modal, ModalBody, ModalFooter, ModalHeader } from "@patternfly/react-core/dist/esm/components/Modal";
import { TextInput } from "@patternfly/react-core/dist/esm/components/TextInput";
import { useMutation } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";
import { ErrorLine } from "./ErrorLine";

interface Props {
  /** "Remove web-1" */
  title: string;
  /** What it does, where, and whether it can be undone. */
  children: ReactNode;
  /** The button: a verb. */
  act: string;
  isDanger?: boolean;
  /** To be typed, for what cannot be undone. */
  name?: string;
  run: () => Promise<unknown>;
  onDone: () => void;
  onClose: () => void;
}

export function Confirm({ title, children, act, isDanger = false, name, run, onDone, onClose }: Props) {
  const [typed, setTyped] = useState("");
  const running = useMutation({ mutationFn: run, onSuccess: onDone });
  const isReady = name === undefined || typed === name;
  return (
    <Modal isOpen variant="small" onClose={onClose} aria-labelledby="confirm-title">
      <ModalHeader
        title={title}
        labelId="confirm-title"
        {...(isDanger ? { titleIconVariant: "warning" as const } : {})}
      />
      <ModalBody>
        <form
          id="confirm-form"
          className="cv-stack"
          onSubmit={(event) => {
            event.preventDefault();
            if (isReady) running.mutate();
          }}
        >
          <div>{children}</div>
          {name !== undefined && (
            <label htmlFor="confirm-name">
              <span>
                Type <strong>{name}</strong> to go on:
              </span>
              <TextInput
                id="confirm-name"
                autoFocus
                autoComplete="off"
                value={typed}
                onChange={(_, value) => setTyped(value)}
              />
            </label>
          )}
          {running.error !== null && <ErrorLine error={running.error} />}
        </form>
      </ModalBody>
      <ModalFooter>
        <Button
          type="submit"
          form="confirm-form"
          variant={isDanger ? "danger" : "primary"}
          isDisabled={!isReady || running.isPending}
          isLoading={running.isPending}
        >
          {act}
        </Button>
        <Button variant="link" onClick={onClose}>
          Leave as it is
        </Button>
      </ModalFooter>
    </Modal>
  );
}
