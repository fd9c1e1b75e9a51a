// Who is signed in. Nobody yet: the sign-in page. A session that ends under an open page asks for the password above it, and what was typed there stays.
import { may, mayAnywhere, type Role, type Thing } from "@convirt/contract/access";
import type { SessionView } from "@convirt/contract/session";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { createContext, useContext, useEffect, useState } from "react";
import { Outlet } from "react-router";
import { ApiError, call, whenSignedOut } from "../api/client";
import { LiveLine } from "../live/context";
import { ErrorPanel } from "../parts/ErrorPanel";
import { SignIn } from "./SignIn";
import { SignInAgain } from "./SignInAgain";

const SessionContext = createContext<SessionView | undefined>(undefined);

export function Session() {
  const queries = useQueryClient();
  const [ended, setEnded] = useState(false);
  const session = useQuery({ queryKey: ["session"], queryFn: ({ signal }) => call("GET /session", { signal }) });
  const isKnown = session.data !== undefined;
  useEffect(() => whenSignedOut(() => setEnded(isKnown)), [isKnown]);
  if (session.isPending) return null;
  if (session.data === undefined) {
    if (session.error instanceof ApiError && session.error.status === 401)
      return <SignIn onSignedIn={(view) => queries.setQueryData(["session"], view)} />;
    return (
      <div className="cv-alone">
        <ErrorPanel error={session.error} act="Cannot open ConVirt" isPage onRetry={() => void session.refetch()} />
      </div>
    );
  }
  return (
    <SessionContext value={session.data}>
      <LiveLine key={session.data.username}>
        <Outlet />
        {ended && (
          <SignInAgain
            username={session.data.username}
            onSignedIn={() => {
              setEnded(false);
              void queries.invalidateQueries();
            }}
          />
        )}
      </LiveLine>
    </SessionContext>
  );
}

/** The person whose page this is. */
export function useSession(): SessionView {
  const session = useContext(SessionContext);
  if (session === undefined) throw new Error("Nobody is signed in");
  return session;
}

/** Whether the person holds at least this role for it; the API decides all the same. A VM and a job are acted on where they are: on their host. */
export function useMay(role: Role, kind?: Thing["kind"], name = ""): boolean {
  return may(useSession().grants, role, kind === undefined ? "everything" : { kind, name });
}

/** Whether the person holds at least this role for anything. */
export function useMayAnywhere(role: Role): boolean {
  return mayAnywhere(useSession().grants, role);
}
