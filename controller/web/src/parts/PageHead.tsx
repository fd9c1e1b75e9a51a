import type { ReactNode } from "react";
import { Link } from "react-router";

interface Props {
  title: string;
  /** What kind of thing it is, above its name. */
  kind?: string;
  parent?: { to: string; title: string };
  /** Answers in words what one came to ask. */
  sentence?: ReactNode;
  status?: ReactNode;
  /** The acts, the likeliest first. */
  acts?: ReactNode;
}

export function PageHead({ title, kind, parent, sentence, status, acts }: Props) {
  return (
    <header className="cv-head">
      <title>{`${title} · ConVirt`}</title>
      <div className="cv-head-words">
        {parent !== undefined && (
          <nav className="cv-crumb" aria-label="Above this page">
            <Link to={parent.to}>{parent.title}</Link>
            {kind !== undefined && <span> / {kind}</span>}
          </nav>
        )}
        {parent === undefined && kind !== undefined && <div className="cv-crumb">{kind}</div>}
        <h1>
          <span className="cv-head-title">{title}</span> {status}
        </h1>
        {sentence !== undefined && <p className="cv-sentence">{sentence}</p>}
      </div>
      {acts !== undefined && <div className="cv-acts">{acts}</div>}
    </header>
  );
}
