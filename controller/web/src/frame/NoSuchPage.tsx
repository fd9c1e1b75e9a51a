import { EmptyState, EmptyStateBody } from "@patternfly/react-core/dist/esm/components/EmptyState";
import { Link, useLocation } from "react-router";

export function NoSuchPage() {
  const { pathname } = useLocation();
  return (
    <EmptyState titleText="There is no such page" headingLevel="h1" variant="sm">
      <EmptyStateBody>
        Nothing is shown at <code>{pathname}</code>. <Link to="/">Go to the overview</Link>, or press <kbd>/</kbd> to
        search.
      </EmptyStateBody>
    </EmptyState>
  );
}
