import { mayAnywhere, type Role, roles } from "@convirt/contract/access";
import type { TokenView } from "@convirt/contract/session";
import { Button } from "@patternfly/react-core/dist/esm/components/Button";
import { Modal, ModalBody, ModalFooter, ModalHeader } from "@patternfly/react-core/dist/esm/components/Modal";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { call } from "../api/client";
import { Confirm } from "../parts/Confirm";
import { Copy } from "../parts/Copy";
import { Empty } from "../parts/Empty";
import { Field } from "../parts/Field";
import { PlainHead } from "../parts/PlainHead";
import { RowAct } from "../parts/RowAct";
import { Skeletons } from "../parts/Skeletons";
import { Thing } from "../parts/Thing";
import { Ago, Moment } from "../parts/Time";
import { roleWords } from "../parts/words";
import { useSession } from "../sign-in/Session";

export function Tokens() {
  const queries = useQueryClient();
  const [isMaking, setMaking] = useState(false);
  const [made, setMade] = useState<{ name: string; token: string }>();
  const [revoked, setRevoked] = useState<TokenView>();
  const tokens = useQuery({
    queryKey: ["tokens"],
    queryFn: ({ signal }) => call("GET /tokens", { query: { perPage: 1000 }, signal }),
  });
  const refresh = () => void queries.invalidateQueries({ queryKey: ["tokens"] });
  return (
    <Thing query={tokens} act="Cannot list tokens" skeleton={<Skeletons lines={4} />}>
      {({ items }) => (
        <>
          <div className="cv-acts cv-tab-acts">
            <Button onClick={() => setMaking(true)}>Make a token</Button>
          </div>
          {items.length === 0 ? (
            <Empty title="No token">
              A token lets a program, or the command line, act in your name, with at most your role.
            </Empty>
          ) : (
            <table className="cv-plain-table">
              <PlainHead columns={["Name", "Of", "At most", "Last used", "Good until"]} hasActs />
              <tbody>
                {items.map((token) => (
                  <tr key={token.id}>
                    <td>{token.name}</td>
                    <td>{token.username}</td>
                    <td>
                      {token.role === "admin" ? "all that the owner may" : roleWords(token.role)}
                      {token.scopes !== null && <span className="cv-quiet"> for {token.scopes.join(", ")}</span>}
                    </td>
                    <td>{token.lastUsedAt === null ? "never" : <Ago at={token.lastUsedAt} />}</td>
                    <td>
                      <Moment at={token.expiresAt} />
                    </td>
                    <td className="cv-row-acts">
                      <RowAct act="Revoke" label={`Revoke ${token.name}`} isDanger onClick={() => setRevoked(token)} />
                    </td>
                  </tr>
                ))}
              </tbody>
            </table>
          )}
          {isMaking && (
            <MakeToken
              onMade={(token) => {
                setMaking(false);
                setMade(token);
                refresh();
              }}
              onClose={() => setMaking(false)}
            />
          )}
          {made !== undefined && (
            <Modal isOpen variant="medium" onClose={() => setMade(undefined)} aria-labelledby="made-title">
              <ModalHeader title={`The token ${made.name}`} labelId="made-title" description="It is shown this once." />
              <ModalBody>
                <Copy text={made.token} label="Copy the token" />
              </ModalBody>
              <ModalFooter>
                <Button onClick={() => setMade(undefined)}>I have it</Button>
              </ModalFooter>
            </Modal>
          )}
          {revoked !== undefined && (
            <Confirm
              title={`Revoke ${revoked.name}`}
              act="Revoke the token"
              isDanger
              run={() => call("DELETE /tokens/:id", { params: { id: revoked.id } })}
              onDone={() => {
                setRevoked(undefined);
                refresh();
              }}
              onClose={() => setRevoked(undefined)}
            >
              Whatever uses it is refused from then on. This cannot be undone.
            </Confirm>
          )}
        </>
      )}
    </Thing>
  );
}

function MakeToken({
  onMade,
  onClose,
}: {
  onMade: (token: { name: string; token: string }) => void;
  onClose: () => void;
}) {
  const session = useSession();
  const [name, setName] = useState("");
  const may = roles.filter((role) => mayAnywhere(session.grants, role));
  const [role, setRole] = useState<Role>(may.at(-1) ?? "viewer");
  const [scopeText, setScopeText] = useState("");
  const [days, setDays] = useState("90");
  const scopes = scopeText.split(/[\s,]+/).filter((scope) => scope !== "");
  return (
    <Confirm
      title="Make a token"
      act="Make it"
      run={async () =>
        onMade(
          await call("POST /tokens", {
            body: {
              ...{ name: name.trim(), role, expiresInDays: Number(days) },
              ...(scopes.length === 0 ? {} : { scopes }),
            },
          }),
        )
      }
      onDone={() => undefined}
      onClose={onClose}
    >
      <div className="cv-stack">
        <Field id="token-name" label="What it is for" value={name} onChange={setName} isFirst />
        <label htmlFor="token-role" className="cv-block">
          At most the role
          <select
            id="token-role"
            className="cv-select"
            value={role}
            onChange={({ target }) => setRole(target.value as Role)}
          >
            {may.map((each) => (
              <option key={each} value={each}>
                {roleWords(each)}
              </option>
            ))}
          </select>
        </label>
        <Field
          id="token-scopes"
          label={
            <>
              Good for, such as <code>host:xen1 image:web-*</code>; empty is all that you may
            </>
          }
          value={scopeText}
          onChange={setScopeText}
        />
        <Field
          id="token-days"
          label="Days that it is good"
          value={days}
          onChange={setDays}
          type="number"
          min={1}
          max={366}
        />
      </div>
    </Confirm>
  );
}
