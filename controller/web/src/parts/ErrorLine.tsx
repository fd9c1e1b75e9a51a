import { Alert } from "@patternfly/react-core/dist/esm/components/Alert";
import { ApiError } from "../api/client";
import { ErrorCode } from "./ErrorCode";

/** What went wrong, in the words of the API, inside a form or a panel. */
export function ErrorLine({ error }: { error: Error }) {
  const fields = error instanceof ApiError ? (error.body.fields ?? []) : [];
  return (
    <Alert variant="danger" isInline title={error.message} className="cv-error-line">
      {fields.length > 1 && (
        <ul>
          {fields.map(({ path, message }) => (
            <li key={`${path} ${message}`}>
              {path !== "" && <code>{path}</code>} {message}
            </li>
          ))}
        </ul>
      )}
      <ErrorCode error={error} />
    </Alert>
  );
}
