import { EmptyState, EmptyStateBody, EmptyStateFooter } from "@patternfly/react-core/dist/esm/components/EmptyState";
import type { ComponentType, ReactNode } from "react";

interface Props {
  title: string;
  icon?: ComponentType;
  children: ReactNode;
  /** What fills it. */
  act?: ReactNode;
}

/** What would be here, why nothing is, and the act that fills it. */
export function Empty({ title, icon, children, act }: Props) {
  return (
    <EmptyState titleText={title} headingLevel="h2" variant="sm" {...(icon === undefined ? {} : { icon })}>
      <EmptyStateBody>{children}</EmptyStateBody>
      {act !== undefined && <EmptyStateFooter>{act}</EmptyStateFooter>}
    </EmptyState>
  );
}
