// The filter of a list: it lives in the address, so that it can be sent to a colleague and the way back finds it.
import { Button } from "@patternfly/react-core/dist/esm/components/Button";
import { useCallback, useEffect, useRef, useState } from "react";
import { useSearchParams } from "react-router";
import { useAddressChange } from "./address";

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
  const [search] = useSearchParams();
  const changeAddress = useAddressChange();
  const names = [...(text === undefined ? [] : [text.name]), ...selects.map(({ name }) => name)];
  const fields = useRef<HTMLElement>(null);
  const isFiltered = names.some((name) => search.has(name));
  const set = useCallback(
    (name: string, value: string) =>
      changeAddress((query) => {
        if (value === "") query.delete(name);
        else query.set(name, value);
      }),
    [changeAddress],
  );
  return (
    <search className="cv-filters" ref={fields}>
      {text !== undefined && (
        <FilterText key={text.name} {...text} value={search.get(text.name) ?? ""} onChange={set} />
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
            changeAddress((query) => {
              for (const name of names) query.delete(name);
            });
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

interface FilterTextProps {
  name: string;
  label: string;
  value: string;
  /** One function for as long as the field stands: another would start the wait anew. */
  onChange: (name: string, value: string) => void;
}

function FilterText({ name, label, value, onChange }: FilterTextProps) {
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
      onChange(name, text);
    }, settleMs);
    return () => clearTimeout(timer);
  }, [name, text, onChange]);
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
