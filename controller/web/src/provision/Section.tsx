import type { ReactNode } from "react";

interface Props {
  number: number;
  title: string;
  /** What was chosen, in a few words. */
  chosen?: ReactNode;
  children: ReactNode;
}

export function Section({ number, title, chosen, children }: Props) {
  return (
    <section className="cv-step" aria-labelledby={`step-${number}`}>
      <header>
        <span className="cv-step-number" aria-hidden="true">
          {number}
        </span>
        <h2 id={`step-${number}`}>{title}</h2>
        {chosen !== undefined && <span className="cv-quiet">{chosen}</span>}
      </header>
      <div className="cv-step-body">{children}</div>
    </section>
  );
}
