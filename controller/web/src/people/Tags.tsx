import type { TagView } from "@convirt/contract/session";
import { Button } from "@patternfly/react-core/dist/esm/components/Button";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { call } from "../api/client";
import { Confirm } from "../parts/Confirm";
import { Empty } from "../parts/Empty";
import { Field } from "../parts/Field";
import { PlainHead } from "../parts/PlainHead";
import { RowAct } from "../parts/RowAct";
import { Skeletons } from "../parts/Skeletons";
import { Thing } from "../parts/Thing";

interface Tagged {
  kind: TagView["kind"];
  name: string;
  tags: string[];
}

/** Which hosts and images bear which tags, so that roles can be given for them together. */
export function Tags() {
  const queries = useQueryClient();
  const [edited, setEdited] = useState<Tagged>();
  const tags = useQuery({
    queryKey: ["tags"],
    queryFn: ({ signal }) => call("GET /tags", { query: { perPage: 1000, sort: "name" }, signal }),
  });
  const done = () => {
    setEdited(undefined);
    void queries.invalidateQueries({ queryKey: ["tags"] });
  };
  return (
    <Thing query={tags} act="Cannot list tags" skeleton={<Skeletons lines={4} />}>
      {({ items }) => (
        <>
          <div className="cv-acts cv-tab-acts">
            <Button onClick={() => setEdited({ kind: "host", name: "", tags: [] })}>Tag a host or an image</Button>
          </div>
          {items.length === 0 ? (
            <Empty title="No tag">A tag stands for the hosts and images that bear it, where a role is given.</Empty>
          ) : (
            <table className="cv-plain-table">
              <PlainHead columns={["Host or image", "Tags"]} hasActs />
              <tbody>
                {byThing(items).map((tagged) => (
                  <tr key={`${tagged.kind} ${tagged.name}`}>
                    <td>
                      <span className="cv-quiet">{tagged.kind}</span> {tagged.name}
                    </td>
                    <td>{tagged.tags.join(", ")}</td>
                    <td className="cv-row-acts">
                      <RowAct
                        act="Change"
                        label={`Change the tags of ${tagged.kind} ${tagged.name}`}
                        onClick={() => setEdited(tagged)}
                      />
                    </td>
                  </tr>
                ))}
              </tbody>
            </table>
          )}
          {edited !== undefined && <TagForm tagged={edited} onDone={done} onClose={() => setEdited(undefined)} />}
        </>
      )}
    </Thing>
  );
}

function byThing(items: readonly TagView[]): Tagged[] {
  const things = new Map<string, Tagged>();
  for (const { kind, name, tag } of items) {
    const key = `${kind} ${name}`;
    const tagged = things.get(key) ?? { kind, name, tags: [] };
    tagged.tags.push(tag);
    things.set(key, tagged);
  }
  return [...things.values()];
}

function TagForm({ tagged, onDone, onClose }: { tagged: Tagged; onDone: () => void; onClose: () => void }) {
  const [kind, setKind] = useState(tagged.kind);
  const [name, setName] = useState(tagged.name);
  const [text, setText] = useState(tagged.tags.join(" "));
  const run = () => {
    const params = { name: name.trim() };
    const body = { tags: text.split(/[\s,]+/).filter((tag) => tag !== "") };
    return kind === "host"
      ? call("PUT /hosts/:name/tags", { params, body })
      : call("PUT /images/:name/tags", { params, body });
  };
  return (
    <Confirm
      title={tagged.name === "" ? "Tag a host or an image" : `Tags of ${tagged.kind} ${tagged.name}`}
      act="Set the tags"
      run={run}
      onDone={onDone}
      onClose={onClose}
    >
      <div className="cv-stack">
        {tagged.name === "" && (
          <>
            <label htmlFor="tag-kind" className="cv-block">
              A
              <select
                id="tag-kind"
                className="cv-select"
                value={kind}
                onChange={({ target }) => setKind(target.value as Tagged["kind"])}
              >
                <option value="host">host</option>
                <option value="image">image</option>
              </select>
            </label>
            <Field id="tag-name" label="of the name" value={name} onChange={setName} isFirst />
          </>
        )}
        <Field id="tag-tags" label="All its tags, with blanks between" value={text} onChange={setText} />
        <p className="cv-hint">Roles that were given for a tag count at once for whatever bears it.</p>
      </div>
    </Confirm>
  );
}
