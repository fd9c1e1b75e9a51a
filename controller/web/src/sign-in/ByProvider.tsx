import { useQuery } from "@tanstack/react-query";
import { addressOf, call } from "../api/client";

/** The other way to sign in, where the controller has a provider; and what became of it when it brought nobody here. */
export function ByProvider() {
  const methods = useQuery({
    queryKey: ["sign-in"],
    queryFn: ({ signal }) => call("GET /session/methods", { signal }),
  });
  const provider = methods.data?.provider ?? null;
  if (provider === null) return null;
  return (
    <>
      {new URLSearchParams(window.location.search).get("refused") !== null && (
        <p role="alert" className="cv-fault">
          Signing in by {provider} did not work. The controller&apos;s log has why; your name there may be another
          user&apos;s here.
        </p>
      )}
      <p className="cv-sign-in-or">or</p>
      <a className="pf-v6-c-button pf-m-secondary pf-m-block" href={addressOf("GET /session/oidc")}>
        Sign in by {provider}
      </a>
    </>
  );
}
