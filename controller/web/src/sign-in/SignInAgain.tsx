import { Modal, ModalBody, ModalHeader } from "@patternfly/react-core/dist/esm/components/Modal";
import { SignInForm } from "./SignInForm";

/** Stands above the page, which stays as it is. */
export function SignInAgain({ username, onSignedIn }: { username: string; onSignedIn: () => void }) {
  return (
    <Modal isOpen variant="small" aria-label="Sign in again">
      <ModalHeader title="Your session has ended" description="Sign in again; nothing that you typed is lost." />
      <ModalBody>
        <SignInForm username={username} onSignedIn={onSignedIn} />
      </ModalBody>
    </Modal>
  );
}
