import { vmNamePattern } from "@convirt/contract/status";
import { Checkbox } from "@patternfly/react-core/dist/esm/components/Checkbox";
import { TextInput } from "@patternfly/react-core/dist/esm/components/TextInput";
import { useQuery } from "@tanstack/react-query";
import { call } from "../api/client";
import { Status } from "../parts/Status";
import { type ChangeDraft, type Draft, namesOf } from "./draft";
import { Section } from "./Section";

const most = 50;

export function NameSection({ draft, change }: { draft: Draft; change: ChangeDraft }) {
  const names = namesOf(draft);
  return (
    <Section number={3} title="Name">
      <div className="cv-fields">
        <div>
          <label htmlFor="provision-name" className="cv-label">
            Name
          </label>
          <TextInput
            id="provision-name"
            autoComplete="off"
            value={draft.name}
            onChange={(_, name) => change({ name })}
          />
          <p className="cv-hint">
            <Verdict names={names} />
          </p>
        </div>
        <div>
          <label htmlFor="provision-count" className="cv-label">
            How many
          </label>
          <TextInput
            id="provision-count"
            type="number"
            min={1}
            max={most}
            value={draft.count}
            onChange={(_, value) => change({ count: Math.max(1, Math.min(most, Math.trunc(Number(value)) || 1)) })}
          />
          {draft.count > 1 && <p className="cv-hint">{`{n}`} in the name stands for the number.</p>}
        </div>
        <div>
          <label htmlFor="provision-reason" className="cv-label">
            Why <span className="cv-quiet">(kept with the job)</span>
          </label>
          <TextInput
            id="provision-reason"
            autoComplete="off"
            value={draft.reason}
            onChange={(_, reason) => change({ reason })}
          />
        </div>
      </div>
      <Checkbox
        id="provision-start"
        label="Start it when it is proven"
        isChecked={draft.start}
        onChange={(_, start) => change({ start })}
      />
      <Checkbox
        id="provision-replace"
        label="Overwrite disks of that name that are there already"
        isChecked={draft.replaceDisks}
        onChange={(_, replaceDisks) => change({ replaceDisks })}
      />
      <Checkbox
        id="provision-clean"
        label="Clean up at once what it leaves when it fails"
        isChecked={draft.cleanOnFailure}
        onChange={(_, cleanOnFailure) => change({ cleanOnFailure })}
      />
    </Section>
  );
}

/** Whether the names are well formed and free, as one types. */
function Verdict({ names }: { names: readonly string[] }) {
  const [first = ""] = names;
  const bad = names.find((name) => !vmNamePattern.test(name));
  const taken = useQuery({
    queryKey: ["vms", "named", first],
    queryFn: ({ signal }) => call("GET /vms", { query: { name: first, perPage: 100 }, signal }),
    enabled: first !== "" && bad === undefined,
  });
  if (first === "" || first.startsWith("-{n}")) return <>A letter first, then letters, digits and _ . -</>;
  if (bad !== undefined)
    return <Status tone="bad">“{bad}” is no name: a letter first, then letters, digits and _ . -, 63 in all</Status>;
  const clash = taken.data?.items.find(({ name }) => names.includes(name));
  if (clash !== undefined)
    return (
      <Status tone="bad">
        There is a VM {clash.name} on {clash.host}
      </Status>
    );
  if (names.length > 1) return <>{`${names[0]} to ${names.at(-1)}`}</>;
  return taken.data === undefined ? null : <Status tone="good">The name is free</Status>;
}
