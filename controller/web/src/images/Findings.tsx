import type { ImageView } from "@convirt/contract/image";
import { Link } from "react-router";
import { Empty } from "../parts/Empty";
import { Status } from "../parts/Status";
import { useMay } from "../sign-in/Session";

const tones = { error: "bad", warning: "look", info: "off" } as const;

/** What lint says of it, worst first. */
export function Findings({ image }: { image: ImageView }) {
  const mayWrite = useMay("image_author", "image", image.name);
  if (image.diagnostics.length === 0) return <Empty title="Nothing to mend">Lint found nothing wrong with it.</Empty>;
  return (
    <ul className="cv-findings">
      {image.diagnostics.map((found) => (
        <li key={`${found.file} ${found.line} ${found.column} ${found.code}`}>
          <Status tone={tones[found.severity]}>
            {mayWrite ? (
              <Link to={`/images/${image.name}/edit?file=${encodeURIComponent(found.file)}&line=${found.line}`}>
                {found.file}:{found.line}
              </Link>
            ) : (
              `${found.file}:${found.line}`
            )}
          </Status>
          <div>
            {found.message} <span className="cv-quiet">{found.advice}</span>{" "}
            <code className="cv-quiet">{found.code}</code>
          </div>
        </li>
      ))}
    </ul>
  );
}
