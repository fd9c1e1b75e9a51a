// What keys do, and what each error code means: the very document, as it was when these pages were built.
import { useParams } from "react-router";
import text from "../../../../docs/errors.md?raw";
import { Empty } from "../parts/Empty";
import { PageHead } from "../parts/PageHead";

const keys: readonly [string, string][] = [
  ["/", "search hosts, VMs, images and jobs"],
  ["g o, g i, g v, g h, g j, g p, g s", "go to overview, images, VMs, hosts, jobs, people, settings"],
  ["↑ ↓ Enter", "walk a table and open a row; Space selects it"],
  ["Esc", "close what is open"],
];

interface Meaning {
  code: string;
  means: string;
}

const links = /\[[^\]]*\]\(([^)]*)\)/g;

/** The rows of the document's tables: the code first, what it means and what to do last. */
const meanings: readonly Meaning[] = text.split("\n").flatMap((line) => {
  const [, code = "", ...cells] = line.split("|").map((cell) => cell.trim());
  const name = /^`([a-z_]+)`$/.exec(code)?.[1];
  const means = cells.filter((cell) => cell !== "").at(-1);
  return name === undefined || means === undefined
    ? []
    : [{ code: name, means: means.replaceAll("`", "").replace(links, "docs/$1") }];
});

export function Help() {
  const { code } = useParams();
  const shown = code === undefined ? meanings : meanings.filter((meaning) => meaning.code === code);
  return (
    <>
      <PageHead
        title={code ?? "Keys and errors"}
        {...(code === undefined ? {} : { kind: "Error", parent: { to: "/help", title: "Keys and errors" } })}
      />
      {code === undefined && (
        <section className="cv-section">
          <h2>Keys</h2>
          <dl className="cv-meanings">
            {keys.map(([key, does]) => (
              <div key={key}>
                <dt>
                  <kbd>{key}</kbd>
                </dt>
                <dd>{does}</dd>
              </div>
            ))}
          </dl>
        </section>
      )}
      <section className="cv-section">
        {code === undefined && <h2>Errors</h2>}
        {shown.length === 0 && (
          <Empty title="Not in the list">
            This code is newer than these pages, or a fault of the controller's own; its log has more.
          </Empty>
        )}
        <dl className="cv-meanings">
          {shown.map((meaning) => (
            <div key={meaning.code}>
              <dt>
                <code>{meaning.code}</code>
              </dt>
              <dd>{meaning.means}</dd>
            </div>
          ))}
        </dl>
      </section>
    </>
  );
}
