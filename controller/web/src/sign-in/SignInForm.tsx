import type { SessionView } from "@convirt/contract/session";
import { Button } from "@patternfly/react-core/dist/esm/components/Button";
import { Form, FormGroup } from "@patternfly/react-core/dist/esm/components/Form";
import { TextInput } from "@patternfly/react-core/dist/esm/components/TextInput";
import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { ApiError, call } from "../api/client";
import { ErrorLine } from "../parts/ErrorLine";

interface Props {
  /** When it is known already. */
  username?: string;
  onSignedIn: (session: SessionView) => void;
}

export function SignInForm({ username: known, onSignedIn }: Props) {
  const [username, setUsername] = useState(known ?? "");
  const [password, setPassword] = useState("");
  const [code, setCode] = useState<string>();
  const signIn = useMutation({
    mutationFn: () =>
      call("POST /session", {
        body: { username: username.trim(), password, ...(code === undefined ? {} : { code: code.trim() }) },
      }),
    onSuccess: onSignedIn,
    onError: (error) => {
      if (isFactorNeeded(error)) {
        setCode("");
        return;
      }
      // A code may have been mistyped: the password was right then, and stays.
      if (code === undefined) setPassword("");
      else setCode("");
    },
  });
  return (
    <Form
      onSubmit={(event) => {
        event.preventDefault();
        signIn.mutate();
      }}
    >
      {signIn.error !== null && !isFactorNeeded(signIn.error) && <ErrorLine error={signIn.error} />}
      <FormGroup label="Name" fieldId="sign-in-name">
        <TextInput
          id="sign-in-name"
          autoComplete="username"
          autoFocus={known === undefined}
          {...(known === undefined ? {} : { readOnlyVariant: "default" as const })}
          value={username}
          onChange={(_, value) => setUsername(value)}
        />
      </FormGroup>
      <FormGroup label="Password" fieldId="sign-in-password">
        <TextInput
          id="sign-in-password"
          type="password"
          autoComplete="current-password"
          autoFocus={known !== undefined}
          value={password}
          onChange={(_, value) => setPassword(value)}
        />
      </FormGroup>
      {code !== undefined && (
        <FormGroup label="Code of your app, or one of those on paper" fieldId="sign-in-code">
          <TextInput
            id="sign-in-code"
            autoComplete="one-time-code"
            autoFocus
            value={code}
            onChange={(_, value) => setCode(value)}
          />
        </FormGroup>
      )}
      <Button
        type="submit"
        variant="primary"
        isBlock
        isDisabled={username === "" || password === "" || code === "" || signIn.isPending}
        isLoading={signIn.isPending}
      >
        Sign in
      </Button>
    </Form>
  );
}

function isFactorNeeded(error: Error): boolean {
  return error instanceof ApiError && error.code === "second_factor_needed";
}
