// One search for everything: `/` opens it, arrows choose, Enter goes, Escape closes.
import { useQuery } from "@tanstack/react-query";
import { type KeyboardEvent, useDeferredValue, useEffect, useRef, useState } from "react";
import { useNavigate } from "react-router";
import { type Found, findEverywhere } from "./find";
import { isTyping } from "./useGoKeys";

export function Search() {
  const input = useRef<HTMLInputElement>(null);
  const navigate = useNavigate();
  const [text, setText] = useState("");
  const [isOpen, setOpen] = useState(false);
  const [chosen, setChosen] = useState(0);
  const wanted = useDeferredValue(text.trim());
  const found = useQuery({
    queryKey: ["search", wanted],
    queryFn: ({ signal }) => findEverywhere(wanted, signal),
    enabled: isOpen && wanted !== "",
    staleTime: 5_000,
  });
  const results = wanted === "" ? [] : (found.data ?? []);
  useEffect(() => {
    const onKey = (event: globalThis.KeyboardEvent) => {
      if (event.key !== "/" || isTyping(event) || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      input.current?.focus();
    };
    document.addEventListener("keydown", onKey);
    return () => document.removeEventListener("keydown", onKey);
  }, []);
  const go = (result: Found | undefined) => {
    if (result === undefined) return;
    setOpen(false);
    setText("");
    input.current?.blur();
    void navigate(result.to);
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === "ArrowDown") setChosen(Math.min(results.length - 1, chosen + 1));
    else if (event.key === "ArrowUp") setChosen(Math.max(0, chosen - 1));
    else if (event.key === "Enter") go(results[chosen]);
    else if (event.key === "Escape") input.current?.blur();
    else return;
    event.preventDefault();
  };
  return (
    <div className="cv-search">
      <input
        ref={input}
        type="search"
        role="combobox"
        aria-label="Search hosts, VMs, images and jobs"
        aria-expanded={isOpen && wanted !== ""}
        aria-controls="cv-search-results"
        aria-activedescendant={results.length > 0 ? `cv-found-${chosen}` : undefined}
        placeholder="Search"
        autoComplete="off"
        value={text}
        onChange={({ target }) => {
          setText(target.value);
          setChosen(0);
        }}
        onFocus={() => setOpen(true)}
        onBlur={() => setOpen(false)}
        onKeyDown={onKeyDown}
      />
      <span className="cv-key" aria-hidden="true">
        /
      </span>
      <div
        id="cv-search-results"
        role="listbox"
        aria-label="Found"
        className="cv-search-results"
        hidden={!isOpen || wanted === ""}
      >
        {results.map((result, index) => (
          <div
            key={result.to}
            id={`cv-found-${index}`}
            role="option"
            aria-selected={index === chosen}
            tabIndex={-1}
            className="cv-found"
            onMouseEnter={() => setChosen(index)}
            // Before the field loses the focus, and the list is gone.
            onMouseDown={(event) => {
              event.preventDefault();
              go(result);
            }}
          >
            <span className="cv-found-kind">{result.kind}</span> <span className="cv-found-name">{result.name}</span>{" "}
            <span className="cv-quiet">{result.more}</span>
          </div>
        ))}
        {results.length === 0 && (
          <div className="cv-found cv-quiet" role="option" aria-selected={false} tabIndex={-1}>
            {found.isFetching
              ? "Searching"
              : found.error !== null
                ? found.error.message
                : `Nothing is called “${wanted}”`}
          </div>
        )}
      </div>
    </div>
  );
}
