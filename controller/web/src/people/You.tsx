import { Button } from "@patternfly/react-core/dist/esm/components/Button";
import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { call } from "../api/client";
import { Confirm } from "../parts/Confirm";
import { Facts } from "../parts/Facts";
import { count } from "../parts/words";
import { useSession } from "../sign-in/Session";
import { PasswordField } from "./PasswordField";
import { SecondFactor } from "./SecondFactor";

/** One's own password and second factor. */
export function You() {
  const { username, secondFactor } = useSession();
  const queries = useQueryClient();
  const [asked, setAsked] = useState<"password" | "set" | "remove">();
  const [said, setSaid] = useState("");
  const close = () => setAsked(undefined);
  const changed = () => {
    close();
    for (const key of ["session", "sessions", "users"]) void queries.invalidateQueries({ queryKey: [key] });
  };
  return (
    <>
      <Facts
        title={username}
        facts={[
          [
            "Password",
            <Button key="password" variant="link" isInline onClick={() => setAsked("password")}>
              Change it
            </Button>,
          ],
          [
            "Second factor",
            <span key="factor">
              {secondFactor
                ? "set: signing in takes a code of your app "
                : "none: the password alone opens your account "}
              <Button
                variant="link"
                isInline
                isDanger={secondFactor}
                onClick={() => setAsked(secondFactor ? "remove" : "set")}
              >
                {secondFactor ? "Remove it" : "Set one"}
              </Button>
            </span>,
          ],
        ]}
      />
      <p role="status">{said}</p>
      {asked === "password" && (
        <ChangePassword
          onDone={(tokens) => {
            setSaid(
              `Your password is changed, and your other sessions have ended. ${tokens === 0 ? "You have no API token." : `${count(tokens, "API token")} of yours still good: revoke what you do not know.`}`,
            );
            changed();
          }}
          onClose={close}
        />
      )}
      {asked === "set" && <SecondFactor onDone={changed} onClose={close} />}
      {asked === "remove" && <RemoveFactor onDone={changed} onClose={close} />}
    </>
  );
}

function ChangePassword({ onDone, onClose }: { onDone: (tokens: number) => void; onClose: () => void }) {
  const [password, setPassword] = useState("");
  const [newPassword, setNew] = useState("");
  return (
    <Confirm
      title="Change your password"
      act="Change it"
      run={async () => onDone((await call("PUT /session/password", { body: { password, newPassword } })).tokens)}
      onDone={() => undefined}
      onClose={onClose}
    >
      <div className="cv-stack">
        <PasswordField
          id="old-password"
          label="The password until now"
          value={password}
          onChange={setPassword}
          isFirst
        />
        <PasswordField
          id="new-password"
          label="The new one, at least 10 characters"
          value={newPassword}
          onChange={setNew}
          isNew
        />
        <p className="cv-hint">Your other sessions end. API tokens stay: revoke them under API tokens.</p>
      </div>
    </Confirm>
  );
}

function RemoveFactor({ onDone, onClose }: { onDone: () => void; onClose: () => void }) {
  const [password, setPassword] = useState("");
  return (
    <Confirm
      title="Remove your second factor"
      act="Remove it"
      isDanger
      run={() => call("POST /session/second-factor/removal", { body: { password } })}
      onDone={onDone}
      onClose={onClose}
    >
      <PasswordField id="factor-password" label="Your password" value={password} onChange={setPassword} isFirst />
      <p className="cv-hint">Signing in takes your password alone then. You can set another.</p>
    </Confirm>
  );
}
