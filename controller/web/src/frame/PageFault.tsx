import { Button } from "@patternfly/react-core/dist/esm/components/Button";
import { EmptyState, EmptyStateBody, EmptyStateFooter } from "@patternfly/react-core/dist/esm/components/EmptyState";
import { useRouteError } from "react-router";

/** A fault of a page's own: it says so, and the rest of the frame goes on. A page whose files are gone belongs to an older version of the controller. */
export function PageFault() {
  const error = useRouteError();
  const message = error instanceof Error ? error.message : String(error);
  const isOld = /dynamically imported|importing a module|preload/i.test(message);
  return (
    <EmptyState
      titleText={isOld ? "The controller has a newer version" : "This page met a fault of its own"}
      headingLevel="h1"
      status={isOld ? "info" : "danger"}
      variant="sm"
    >
      <EmptyStateBody>{isOld ? "Load the page again to go on with it." : <code>{message}</code>}</EmptyStateBody>
      <EmptyStateFooter>
        <Button variant="primary" onClick={() => window.location.reload()}>
          Load again
        </Button>
      </EmptyStateFooter>
    </EmptyState>
  );
}
