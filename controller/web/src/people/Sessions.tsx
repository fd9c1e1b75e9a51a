import type { SessionItem } from "@convirt/contract/session";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { call } from "../api/client";
import { Confirm } from "../parts/Confirm";
import { PlainHead } from "../parts/PlainHead";
import { RowAct } from "../parts/RowAct";
import { Skeletons } from "../parts/Skeletons";
import { Thing } from "../parts/Thing";
import { Ago, Moment } from "../parts/Time";

/** Where somebody is signed in, each with the button that ends it. */
export function Sessions() {
  const queries = useQueryClient();
  const [ended, setEnded] = useState<SessionItem>();
  const sessions = useQuery({
    queryKey: ["sessions"],
    queryFn: ({ signal }) => call("GET /sessions", { query: { perPage: 1000 }, signal }),
  });
  return (
    <Thing query={sessions} act="Cannot list sessions" skeleton={<Skeletons lines={4} />}>
      {({ items }) => (
        <>
          <table className="cv-plain-table">
            <PlainHead columns={["Who", "From", "Browser", "Began", "Last seen", "Ends"]} hasActs />
            <tbody>
              {items.map((session) => (
                <tr key={session.id}>
                  <td>{session.username}</td>
                  <td>{session.address ?? ""}</td>
                  <td>
                    <span className="cv-clip" title={session.userAgent ?? ""}>
                      {session.isThis ? "this one" : browserOf(session.userAgent)}
                    </span>
                  </td>
                  <td>
                    <Ago at={session.createdAt} />
                  </td>
                  <td>{session.lastSeenAt === null ? "" : <Ago at={session.lastSeenAt} />}</td>
                  <td>
                    <Moment at={session.expiresAt} />
                  </td>
                  <td className="cv-row-acts">
                    {!session.isThis && (
                      <RowAct
                        act="End"
                        label={`End the session of ${session.username} from ${session.address ?? "nobody knows where"}`}
                        isDanger
                        onClick={() => setEnded(session)}
                      />
                    )}
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
          {ended !== undefined && (
            <Confirm
              title={`End a session of ${ended.username}`}
              act="End the session"
              isDanger
              run={() => call("DELETE /sessions/:id", { params: { id: ended.id } })}
              onDone={() => {
                setEnded(undefined);
                void queries.invalidateQueries({ queryKey: ["sessions"] });
              }}
              onClose={() => setEnded(undefined)}
            >
              Whoever sits there must sign in again; what is open is lost there. API tokens stay.
            </Confirm>
          )}
        </>
      )}
    </Thing>
  );
}

/** The name that one would say, of what a browser calls itself. */
function browserOf(userAgent: string | null): string {
  if (userAgent === null || userAgent === "") return "not said";
  return /(Firefox|Edg|OPR|Chrome|Safari)\/\d+/.exec(userAgent)?.[0].replace("/", " ") ?? userAgent.slice(0, 30);
}
