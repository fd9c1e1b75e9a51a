// Inviting is a line to paste on the host; the panel then sees it come.
import { Button } from "@patternfly/react-core/dist/esm/components/Button";
import { Form, FormGroup } from "@patternfly/react-core/dist/esm/components/Form";
import { Modal, ModalBody, ModalFooter, ModalHeader } from "@patternfly/react-core/dist/esm/components/Modal";
import { TextInput } from "@patternfly/react-core/dist/esm/components/TextInput";
import { useMutation, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { Link } from "react-router";
import { call } from "../api/client";
import { useNow } from "../live/context";
import { Copy } from "../parts/Copy";
import { ErrorLine } from "../parts/ErrorLine";
import { Status } from "../parts/Status";
import { spanOf } from "../parts/Time";

export function Invite({ onClose }: { onClose: () => void }) {
  const [name, setName] = useState("");
  const invite = useMutation({ mutationFn: (host: string) => call("POST /hosts/invitations", { body: { host } }) });
  return (
    <Modal isOpen variant="medium" onClose={onClose} aria-labelledby="invite-title">
      <ModalHeader
        title="Invite a host"
        labelId="invite-title"
        description="The host proves that it is the one you mean, and checks the controller, before either trusts the other."
      />
      <ModalBody>
        {invite.data === undefined ? (
          <Form
            id="invite-form"
            onSubmit={(event) => {
              event.preventDefault();
              invite.mutate(name.trim());
            }}
          >
            {invite.error !== null && <ErrorLine error={invite.error} />}
            <FormGroup label="Name of the host" fieldId="invite-name">
              <TextInput
                id="invite-name"
                autoFocus
                autoComplete="off"
                placeholder="xen4"
                value={name}
                onChange={(_, value) => setName(value)}
              />
              <p className="cv-hint">Under this name the host is listed; it need not be its DNS name.</p>
            </FormGroup>
          </Form>
        ) : (
          <Invited {...invite.data} />
        )}
      </ModalBody>
      <ModalFooter>
        {invite.data === undefined ? (
          <Button type="submit" form="invite-form" isDisabled={name.trim() === "" || invite.isPending}>
            Make an invitation
          </Button>
        ) : (
          <Button onClick={onClose}>Done</Button>
        )}
        <Button variant="link" onClick={onClose}>
          {invite.data === undefined ? "Leave" : "Close; the invitation stays good"}
        </Button>
      </ModalFooter>
    </Modal>
  );
}

function Invited({ host, invitation, expiresAt }: { host: string; invitation: string; expiresAt: string }) {
  return (
    <div className="cv-stack">
      <p>
        Paste this line into a shell of root on <strong>{host}</strong>, where the package <code>convirt-agent</code> is
        installed:
      </p>
      <Copy text={`echo '${invitation}' | convirt-agent enrol`} label="Copy the line" />
      <Arrival host={host} expiresAt={expiresAt} />
    </div>
  );
}

/** Changes by itself from waiting to here. */
function Arrival({ host, expiresAt }: { host: string; expiresAt: string }) {
  const leftMs = Date.parse(expiresAt) - useNow();
  const seen = useQuery({
    queryKey: ["hosts", "one", host],
    queryFn: ({ signal }) => call("GET /hosts/:name", { params: { name: host }, signal }),
  });
  const contact = seen.data?.contact;
  if (contact === "in_contact")
    return (
      <p role="status">
        <Status tone="good">{host} is here</Status> <Link to={`/hosts/${host}`}>See what it has</Link>
      </p>
    );
  if (contact === "silent")
    return (
      <p role="status">
        <Status tone="working">{host} has enrolled; waiting for its agent to answer</Status>
      </p>
    );
  return (
    <p role="status">
      {leftMs > 0 ? (
        <Status tone="working">
          Waiting for {host}; the invitation is good once, for {spanOf(leftMs)} more
        </Status>
      ) : (
        <Status tone="look">The invitation is no longer good. Make a new one.</Status>
      )}
    </p>
  );
}
