import type { ReactNode } from "react";
import { Link } from "react-router";

interface Props {
  to: string;
  variant?: "primary" | "secondary" | "link";
  size?: "sm";
  children: ReactNode;
}

/** A button that goes somewhere is a link: it can be opened beside the page. */
export function LinkButton({ to, variant = "primary", size, children }: Props) {
  return (
    <Link to={to} className={`pf-v6-c-button pf-m-${variant} ${size === "sm" ? "pf-m-small" : ""}`}>
      <span className="pf-v6-c-button__text">{children}</span>
    </Link>
  );
}
