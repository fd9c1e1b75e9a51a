import { Button } from "@patternfly/react-core/dist/esm/components/Button";
import { EmptyState, EmptyStateBody, EmptyStateFooter } from "@patternfly/react-core/dist/esm/components/EmptyState";
import ExclamationCircleIcon from "@patternfly/react-icons/dist/esm/icons/exclamation-circle-icon";
import { ErrorCode } from "./ErrorCode";

interface Props {
  error: Error;
  /** "Cannot list hosts" */
  act: string;
  onRetry?: () => void;
  /** Where it is all of a page, and so has the page's heading and title. */
  isPage?: boolean;
}

/** Takes the place of what could not be shown. */
export function ErrorPanel({ error, act, onRetry, isPage = false }: Props) {
  return (
    <EmptyState
      titleText={act}
      icon={ExclamationCircleIcon}
      status="danger"
      headingLevel={isPage ? "h1" : "h2"}
      variant="sm"
    >
      {isPage && <title>{`${act} · ConVirt`}</title>}
      <EmptyStateBody>
        {error.message} <ErrorCode error={error} />
      </EmptyStateBody>
      {onRetry !== undefined && (
        <EmptyStateFooter>
          <Button variant="secondary" onClick={onRetry}>
            Try again
          </Button>
        </EmptyStateFooter>
      )}
    </EmptyState>
  );
}
