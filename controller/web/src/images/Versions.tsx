import type { ImageView } from "@convirt/contract/image";
import { useState } from "react";
import { LinkButton } from "../parts/LinkButton";
import { PlainHead } from "../parts/PlainHead";
import { bytesOf } from "../parts/sizes";
import { Moment } from "../parts/Time";

const sides = [
  { key: "before", title: "From" },
  { key: "after", title: "To" },
] as const;

type Chosen = Partial<Record<"before" | "after", string>>;

/** Which versions were seen, and two of them to be compared: those that changed it last, unless others are chosen. */
export function Versions({ image: { name, versions } }: { image: ImageView }) {
  const current = versions.find((version) => version.current) ?? versions[0];
  const [chosen, setChosen] = useState<Chosen>({});
  const before = chosen.before ?? versions.find((version) => version !== current)?.version;
  const after = chosen.after ?? current?.version;
  const canCompare = versions.length > 1;
  return (
    <>
      {canCompare && before !== undefined && after !== undefined && (
        <p className="cv-version-act">
          {before === after ? (
            <span className="cv-quiet">Choose two versions to compare.</span>
          ) : (
            <LinkButton
              to={`/images/${name}/versions/${before.slice(0, 12)}/${after.slice(0, 12)}`}
              variant="secondary"
            >
              Compare {before.slice(0, 8)} with {after.slice(0, 8)}
            </LinkButton>
          )}
        </p>
      )}
      <table className="cv-plain-table">
        <PlainHead
          columns={[
            ...(canCompare ? sides.map(({ title }) => title) : []),
            "Version",
            "First seen",
            { title: "Files", isNumber: true },
            { title: "Size", isNumber: true },
          ]}
        />
        <tbody>
          {versions.map(({ version, seenAt, files, bytes, current: isCurrent }) => (
            <tr key={version}>
              {canCompare &&
                sides.map(({ key, title }) => (
                  <td key={key}>
                    <input
                      type="radio"
                      name={`version-${key}`}
                      aria-label={`${title} ${version.slice(0, 12)}`}
                      checked={version === (key === "before" ? before : after)}
                      onChange={() => setChosen({ ...chosen, [key]: version })}
                    />
                  </td>
                ))}
              <td>
                <code title={version}>{version.slice(0, 12)}</code>{" "}
                {isCurrent && <span className="cv-quiet">as it is now</span>}
              </td>
              <td>
                <Moment at={seenAt} />
              </td>
              <td data-number="true">{files}</td>
              <td data-number="true">{bytesOf(bytes)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </>
  );
}
