import { type Role, roleSays, roles, rootRoles } from "@convirt/contract/access";
import ExclamationTriangleIcon from "@patternfly/react-icons/dist/esm/icons/exclamation-triangle-icon";
import { roleWords } from "../parts/words";

interface Props {
  value: Role | null;
  onChange: (role: Role | null) => void;
  /** What having none means, where one may have none. */
  none?: string;
}

/** Which role: each with what it allows, and those that are root on hosts marked as such. */
export function RoleChoice({ value, onChange, none }: Props) {
  return (
    <fieldset className="cv-roles">
      <legend>Role</legend>
      {none !== undefined && (
        <label>
          <input type="radio" name="role" checked={value === null} onChange={() => onChange(null)} />{" "}
          <strong>none</strong> <span className="cv-quiet">{none}</span>
        </label>
      )}
      {roles.map((role) => (
        <label key={role}>
          <input type="radio" name="role" checked={value === role} onChange={() => onChange(role)} />{" "}
          <strong>{roleWords(role)}</strong>{" "}
          {rootRoles.has(role) && <ExclamationTriangleIcon className="cv-root-role" />}{" "}
          <span className="cv-quiet">{roleSays[role]}</span>
        </label>
      ))}
    </fieldset>
  );
}
