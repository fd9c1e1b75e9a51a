import type { Role } from "@convirt/contract/access";
import type { UserView } from "@convirt/contract/session";
import { Button } from "@patternfly/react-core/dist/esm/components/Button";
import { Checkbox } from "@patternfly/react-core/dist/esm/components/Checkbox";
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
import { count, roleWords } from "../parts/words";
import { RoleChoice } from "./RoleChoice";

type Asked = { kind: "new" } | { kind: "change" | "remove"; user: UserView };

export function Users() {
  const queries = useQueryClient();
  const [asked, setAsked] = useState<Asked>();
  const users = useQuery({
    queryKey: ["users"],
    queryFn: ({ signal }) => call("GET /users", { query: { perPage: 1000 }, signal }),
  });
  const done = () => {
    setAsked(undefined);
    void queries.invalidateQueries({ queryKey: ["users"] });
  };
  return (
    <Thing query={users} act="Cannot list users" skeleton={<Skeletons lines={4} />}>
      {({ items }) => (
        <>
          <div className="cv-acts cv-tab-acts">
            <Button onClick={() => setAsked({ kind: "new" })}>Add a user</Button>
          </div>
          <table className="cv-plain-table">
            <PlainHead
              columns={["Name", "Role for everything", "Groups", "Second factor", "Last sign-in", "Added"]}
              hasActs
            />
            <tbody>
              {items.map((user) => (
                <tr key={user.username}>
                  <td>{user.username}</td>
                  <td>
                    {user.role === null ? <span className="cv-quiet">none</span> : roleWords(user.role)}
                    {user.grants > (user.role === null ? 0 : 1) && (
                      <span className="cv-quiet">, {count(user.grants, "grant")} in all</span>
                    )}
                  </td>
                  <td>{user.groups.join(", ")}</td>
                  <td>{user.secondFactor ? "set" : <span className="cv-quiet">none</span>}</td>
                  <td>{user.lastSignInAt === null ? "never" : <Ago at={user.lastSignInAt} />}</td>
                  <td>
                    <Ago at={user.createdAt} />
                  </td>
                  <td className="cv-row-acts">
                    <RowAct
                      act="Change"
                      label={`Change ${user.username}`}
                      onClick={() => setAsked({ kind: "change", user })}
                    />
                    <RowAct
                      act="Remove"
                      label={`Remove ${user.username}`}
                      isDanger
                      onClick={() => setAsked({ kind: "remove", user })}
                    />
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
          {asked !== undefined && asked.kind !== "remove" && (
            <UserForm
              {...(asked.kind === "change" ? { user: asked.user } : {})}
              onDone={done}
              onClose={() => setAsked(undefined)}
            />
          )}
          {asked?.kind === "remove" && (
            <Confirm
              title={`Remove ${asked.user.username}`}
              act="Remove the user"
              isDanger
              run={() => call("DELETE /users/:username", { params: { username: asked.user.username } })}
              onDone={done}
              onClose={() => setAsked(undefined)}
            >
              Sessions and tokens of {asked.user.username} end at once. What was done in that name stays recorded.
            </Confirm>
          )}
        </>
      )}
    </Thing>
  );
}

function UserForm({ user, onDone, onClose }: { user?: UserView; onDone: () => void; onClose: () => void }) {
  const [username, setUsername] = useState(user?.username ?? "");
  const [password, setPassword] = useState("");
  const [role, setRole] = useState<Role | null>(user === undefined ? "viewer" : user.role);
  const [isFactorLost, setFactorLost] = useState(false);
  const [groupText, setGroupText] = useState(user?.groups.join(", ") ?? "");
  const run = () => {
    const groups = namesIn(groupText);
    if (user === undefined)
      return call("POST /users", {
        body: { username: username.trim(), password, groups, ...(role === null ? {} : { role }) },
      });
    return call("PATCH /users/:username", {
      params: { username: user.username },
      body: {
        groups,
        ...(role === user.role ? {} : { role }),
        ...(password === "" ? {} : { password }),
        ...(isFactorLost ? { secondFactor: false as const } : {}),
      },
    });
  };
  return (
    <Confirm
      title={user === undefined ? "Add a user" : `Change ${user.username}`}
      act={user === undefined ? "Add" : "Change"}
      run={run}
      onDone={onDone}
      onClose={onClose}
    >
      <div className="cv-stack">
        {user === undefined && <Field id="user-name" label="Name" value={username} onChange={setUsername} isFirst />}
        <Field
          id="user-password"
          label={user === undefined ? "Password, at least 10 characters" : "New password; empty leaves it"}
          value={password}
          onChange={setPassword}
          type="password"
          autoComplete="new-password"
        />
        {user !== undefined && user.tokens > 0 && password !== "" && (
          <p className="cv-hint">
            Sessions end by a new password. API tokens do not: {user.tokens} of {user.username} stay good until they are
            revoked.
          </p>
        )}
        {user?.secondFactor === true && (
          <Checkbox
            id="user-factor"
            label="Remove the second factor, which was lost"
            isChecked={isFactorLost}
            onChange={(_, isChecked) => setFactorLost(isChecked)}
          />
        )}
        <Field id="user-groups" label="Groups, with commas between" value={groupText} onChange={setGroupText} />
        <RoleChoice
          value={role}
          onChange={setRole}
          none="nothing, but for what is given under Roles, to the user or a group"
        />
        <p className="cv-hint">
          The role is for everything. Under Roles one is given for a host, an image or a tag alone.
        </p>
      </div>
    </Confirm>
  );
}

/** The names in a line of them. */
function namesIn(text: string): string[] {
  return text
    .split(",")
    .map((name) => name.trim())
    .filter((name) => name !== "");
}
