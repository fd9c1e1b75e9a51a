import type { SessionView } from "@convirt/contract/session";
import { Brand } from "../frame/Brand";
import { ByProvider } from "./ByProvider";
import { SignInForm } from "./SignInForm";

export function SignIn({ onSignedIn }: { onSignedIn: (session: SessionView) => void }) {
  return (
    <main className="cv-sign-in">
      <div className="cv-sign-in-card">
        <h1>
          <Brand />
        </h1>
        <p className="cv-quiet">Images, VMs and jobs of your Xen hosts.</p>
        <SignInForm onSignedIn={onSignedIn} />
        <ByProvider />
        <details className="cv-sign-in-help">
          <summary>First time here?</summary>
          <p>
            The controller made a user <code>admin</code> when it first started. The password is in the file that{" "}
            <code>auth.admin_password_file</code> names: <code>/var/lib/convirt/first-password</code> where ConVirt came
            as a package. Without such a file it was shown once, where the controller was started.
          </p>
        </details>
      </div>
    </main>
  );
}
