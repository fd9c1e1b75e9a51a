import BanIcon from "@patternfly/react-icons/dist/esm/icons/ban-icon";
import CheckCircleIcon from "@patternfly/react-icons/dist/esm/icons/check-circle-icon";
import ExclamationCircleIcon from "@patternfly/react-icons/dist/esm/icons/exclamation-circle-icon";
import ExclamationTriangleIcon from "@patternfly/react-icons/dist/esm/icons/exclamation-triangle-icon";
import InProgressIcon from "@patternfly/react-icons/dist/esm/icons/in-progress-icon";
import type { ReactNode } from "react";
import type { Tone } from "./words";

const icons = {
  good: CheckCircleIcon,
  working: InProgressIcon,
  off: BanIcon,
  look: ExclamationTriangleIcon,
  bad: ExclamationCircleIcon,
} as const;

interface Props {
  tone: Tone;
  children: ReactNode;
  /** From an old report: the colour goes, since nobody knows. */
  isStale?: boolean;
}

/** A state: its colour, its icon and its word. */
export function Status({ tone, children, isStale = false }: Props) {
  const Icon = icons[tone];
  return (
    <span className="cv-status" data-tone={isStale ? "stale" : tone}>
      <Icon /> <span>{children}</span>
    </span>
  );
}
