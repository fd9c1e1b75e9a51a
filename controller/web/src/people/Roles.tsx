import type { Role } from "@convirt/contract/access";
import type { GrantView } from "@convirt/contract/session";
import { Button } from "@patternfly/react-core/dist/esm/components/Button";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { call } from "../api/client";
import { Confirm } from "../parts/Confirm";
import { Field } from "../parts/Field";
import { PlainHead } from "../parts/PlainHead";
import { RowAct } from "../parts/RowAct";
import { Skeletons } from "../parts/Skeletons";
import { Thing } from "../parts/Thing";
import { Ago } from "../parts/Time";
import { roleWords } from "../parts/words";
import { RoleChoice } from "./RoleChoice";

/** Who holds which role, and for what. */
export function Roles() {
  const queries = useQueryClient();
  const [isGiving, setGiving] = useState(false);
  const [taken, setTaken] = useState<GrantView>();
  const grants = useQuery({
    queryKey: ["grants"],
    queryFn: ({ signal }) => call("GET /grants", { query: { perPage: 1000 }, signal }),
  });
  const done = () => {
    setGiving(false);
    setTaken(undefined);
    for (const key of ["grants", "users"]) void queries.invalidateQueries({ queryKey: [key] });
  };
  return (
    <Thing query={grants} act="Cannot list roles" skeleton={<Skeletons lines={4} />}>
      {({ items }) => (
        <>
          <div className="cv-acts cv-tab-acts">
            <Button onClick={() => setGiving(true)}>Give a role</Button>
          </div>
          <table className="cv-plain-table">
            <PlainHead columns={["Who", "Role", "For", "Given"]} hasActs />
            <tbody>
              {items.map((grant) => (
                <tr key={grant.id}>
                  <td>
                    {grant.subject.kind === "group" && <span className="cv-quiet">group </span>}
                    {grant.subject.name}
                  </td>
                  <td>{roleWords(grant.role)}</td>
                  <td>{grant.scope}</td>
                  <td>
                    <Ago at={grant.createdAt} />
                    {grant.createdBy !== "" && <span className="cv-quiet"> by {grant.createdBy}</span>}
                  </td>
                  <td className="cv-row-acts">
                    <RowAct
                      act="Take away"
                      label={`Take away ${roleWords(grant.role)} for ${grant.scope} from ${grant.subject.name}`}
                      isDanger
                      onClick={() => setTaken(grant)}
                    />
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
          {isGiving && <GiveRole onDone={done} onClose={() => setGiving(false)} />}
          {taken !== undefined && (
            <Confirm
              title={`Take ${roleWords(taken.role)} from ${taken.subject.name}`}
              act="Take it away"
              isDanger
              run={() => call("DELETE /grants/:id", { params: { id: taken.id } })}
              onDone={done}
              onClose={() => setTaken(undefined)}
            >
              It counts at once, for open sessions and tokens too. You can give it again.
            </Confirm>
          )}
        </>
      )}
    </Thing>
  );
}

const kinds = ["everything", "host", "image", "tag"] as const;

function GiveRole({ onDone, onClose }: { onDone: () => void; onClose: () => void }) {
  const [who, setWho] = useState<"user" | "group">("user");
  const [name, setName] = useState("");
  const [role, setRole] = useState<Role | null>("viewer");
  const [kind, setKind] = useState<(typeof kinds)[number]>("everything");
  const [what, setWhat] = useState("");
  const scope = kind === "everything" ? kind : `${kind}:${what.trim()}`;
  return (
    <Confirm
      title="Give a role"
      act="Give it"
      run={() =>
        call("POST /grants", { body: { subject: { kind: who, name: name.trim() }, role: role ?? "viewer", scope } })
      }
      onDone={onDone}
      onClose={onClose}
    >
      <div className="cv-stack">
        <label htmlFor="grant-who" className="cv-block">
          To a
          <select
            id="grant-who"
            className="cv-select"
            value={who}
            onChange={({ target }) => setWho(target.value as "user" | "group")}
          >
            <option value="user">user</option>
            <option value="group">group</option>
          </select>
        </label>
        <Field id="grant-name" label="of the name" value={name} onChange={setName} isFirst />
        <RoleChoice value={role} onChange={setRole} />
        <label htmlFor="grant-kind" className="cv-block">
          For
          <select
            id="grant-kind"
            className="cv-select"
            value={kind}
            onChange={({ target }) => setKind(target.value as (typeof kinds)[number])}
          >
            {kinds.map((each) => (
              <option key={each} value={each}>
                {each === "everything" ? each : each === "tag" ? "what bears the tag" : `the ${each}`}
              </option>
            ))}
          </select>
        </label>
        {kind !== "everything" && (
          <Field
            id="grant-what"
            label={
              <>
                Its name; <code>shop*</code> is all whose name begins so
              </>
            }
            value={what}
            onChange={setWhat}
          />
        )}
        <p className="cv-hint">
          A host&apos;s role is for its VMs and jobs too. Provisioning takes the role for the host and for the image.
        </p>
      </div>
    </Confirm>
  );
}
