// The filter of a list: it lives in the address, so that it can be sent to a colleague and the way back finds it.
import { Button } from "@patternfly/react-core/dist/esm/components/Button";
import { useEffect, useRef, useState } from "react";
import { useSearchParams } from "react-router";

export interface Choice {
  value: string;
  title: string;
}

interface Props {
  /** Which text field there is. */
  text?: { name: string; label: string };
  selects: readonly { name: string; label: string; choices: readonly Choice[] }[];
}

const settleMs = 200;

export function Filters({ text, selects }: Props) {
  const [search, setSearch] = useSearchParams();
  const names = [...(text === undefined ? [] : [text.name]), ...selects.map(({ name }) => name)];
  const fields = useRef<HTMLElement>(null);
  const isFiltered = names.some((name) => search.has(name));
  const set = (name: string, value: string) =>
    setSearch(
      (before) => {
        const next = new URLSearchParams(before);
        if (value === "") next.delete(name);
        else next.set(name, value);
        return next;
      },
      { replace: true },
    );
  return (
    <search className="cv-filters" ref={fields}>
      {text !== undefined && (
        <FilterText
          key={text.name}
          {...text}
          value={search.get(text.name) ?? ""}
          onChange={(value) => set(text.name, value)}
        />
      )}
      {selects.map(({ name, label, choices }) => (
        <select
          key={name}
          aria-label={label}
          value={search.get(name) ?? ""}
          data-set={search.has(name)}
          onChange={({ target }) => set(name, target.value)}
        >
          <option value="">{label}: any</option>
          {choices.map(({ value, title }) => (
            <option key={value} value={value}>
              {title}
            </option>
          ))}
        </select>
      ))}
      {isFiltered && (
        <Button
          variant="link"
          isInline
          onClick={() => {
            setSearch(
              (before) => {
                const next = new URLSearchParams(before);
                for (const name of names) next.delete(name);
                return next;
              },
              { replace: true },
            );
            // The button goes with what it cleared.
            fields.current?.querySelector<HTMLElement>("input, select")?.focus();
          }}
        >
          Clear
        </Button>
      )}
    </search>
  );
}

function FilterText({ label, value, onChange }: { label: string; value: string; onChange: (value: string) => void }) {
  const [text, setText] = useState(value);
  // What the address says is taken over when somebody else has put it there: our own words of a moment ago would take back what was typed since.
  const sent = useRef(value);
  useEffect(() => {
    if (value === sent.current) return;
    sent.current = value;
    setText(value);
  }, [value]);
  useEffect(() => {
    if (text === sent.current) return;
    const timer = setTimeout(() => {
      sent.current = text;
      onChange(text);
    }, settleMs);
    return () => clearTimeout(timer);
  }, [text, onChange]);
  return (
    <input
      type="search"
      aria-label={label}
      placeholder={label}
      value={text}
      onChange={({ target }) => setText(target.value)}
    />
  );
}

/** The values of some fields of the address, those that are set. */
export function filterOf<Name extends string>(
  search: URLSearchParams,
  names: readonly Name[],
): { [K in Name]?: string } {
  return Object.fromEntries(names.flatMap((name) => (search.get(name) ? [[name, search.get(name)]] : []))) as {
    [K in Name]?: string;
  };
}
