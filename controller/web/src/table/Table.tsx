// Every list of the pages: dense rows of one height, of which only those that are seen exist; sorted by the address; walked by arrows and Enter.
import { type CSSProperties, type KeyboardEvent, type ReactNode, useEffect, useId, useRef, useState } from "react";
import { useNavigate } from "react-router";
import { ErrorPanel } from "../parts/ErrorPanel";
import { ColumnHead } from "./ColumnHead";
import { TableRow } from "./TableRow";
import { type ReadPage, usePages } from "./usePages";
import { useRowHeight } from "./useRowHeight";
import { useWindow } from "./useWindow";

export interface Column<Row> {
  title: string;
  /** A grid track: "2fr", "8rem". */
  width: string;
  cell: (row: Row) => ReactNode;
  /** The API's name for sorting by it. */
  sort?: string;
  isNumber?: boolean;
  /** On narrow screens it is left out, or stands in the second line. */
  narrow?: "hide" | "second";
}

export interface Selection<Row> {
  has(row: Row): boolean;
  toggle(row: Row, isOn: boolean): void;
  label(row: Row): string;
}

interface Props<Row> {
  /** "VMs": names the table. */
  label: string;
  queryKey: readonly unknown[];
  read: ReadPage<Row>;
  columns: readonly Column<Row>[];
  rowKey: (row: Row) => string;
  /** Where a row leads. */
  rowTo: (row: Row) => string;
  /** Shown when there is nothing. */
  empty: ReactNode;
  selection?: Selection<Row>;
  onTotal?: (total: number) => void;
}

export function Table<Row>(props: Props<Row>) {
  const { label, queryKey, read, columns, rowKey, rowTo, empty, selection, onTotal } = props;
  const body = useRef<HTMLDivElement>(null);
  const id = useId();
  const navigate = useNavigate();
  const rowPx = useRowHeight();
  const [total, setTotal] = useState(1);
  const [active, setActive] = useState(0);
  const { first, last } = useWindow(body, total, rowPx);
  const rows = usePages({ queryKey, read, first, last });
  if (rows.total !== total && !rows.isPending && rows.error === null) setTotal(rows.total);
  useEffect(() => {
    if (!rows.isPending) onTotal?.(rows.total);
  }, [rows.isPending, rows.total, onTotal]);
  if (rows.error !== null) return <ErrorPanel error={rows.error} act={`Cannot list ${label}`} onRetry={rows.retry} />;
  if (rows.total === 0 && !rows.isPending) return empty;
  const tracks = `${selection === undefined ? "" : "2.25rem "}${columns.map(({ width }) => `minmax(0, ${width})`).join(" ")}`;
  const shown = rows.isPending ? 8 : rows.total;
  const until = rows.isPending ? 8 : last;

  const go = (index: number) => {
    const next = Math.max(0, Math.min(rows.total - 1, index));
    setActive(next);
    const element = document.getElementById(`${id}-${next}`);
    element?.focus();
    element?.scrollIntoView({ block: "nearest" });
  };
  const onKeyDown = (event: KeyboardEvent<HTMLDivElement>) => {
    const steps: Record<string, number> = { ArrowDown: 1, ArrowUp: -1, PageDown: 15, PageUp: -15 };
    const step = steps[event.key];
    const row = rows.at(active);
    if (step !== undefined) go(active + step);
    else if (
      event.key === "Enter" &&
      event.target === event.currentTarget.querySelector(":focus") &&
      isRow(event.target) &&
      row
    )
      void navigate(rowTo(row));
    else if (event.key === " " && isRow(event.target) && selection !== undefined && row)
      selection.toggle(row, !selection.has(row));
    else return;
    event.preventDefault();
  };

  return (
    <div className="cv-table" style={{ "--cv-tracks": tracks, "--cv-row": `${rowPx}px` } as CSSProperties}>
      {/* biome-ignore lint/a11y/useSemanticElements: a table element cannot hold rows that are placed by scrolling. */}
      <div role="grid" aria-label={label} aria-rowcount={shown + 1} aria-busy={rows.isPending}>
        {/* biome-ignore lint/a11y/useSemanticElements lint/a11y/useFocusableInteractive: see above; the head is not walked. */}
        <div role="row" aria-rowindex={1} className="cv-table-head">
          {/* biome-ignore lint/a11y/useSemanticElements lint/a11y/useFocusableInteractive: see above. */}
          {selection !== undefined && <span role="columnheader" aria-label="Selected" />}
          {columns.map((column) => (
            <ColumnHead key={column.title} column={column} />
          ))}
        </div>
        {/* biome-ignore lint/a11y/useSemanticElements: see above. */}
        <div
          role="rowgroup"
          ref={body}
          className="cv-table-body"
          style={{ height: shown * rowPx }}
          onKeyDown={onKeyDown}
          onFocus={({ target }) => {
            const index = Number((target.closest("[data-index]") as HTMLElement | null)?.dataset["index"]);
            if (Number.isInteger(index)) setActive(index);
          }}
        >
          {Array.from({ length: Math.max(0, until - first) }, (_, offset) => {
            const index = first + offset;
            const row = rows.at(index);
            return (
              <TableRow
                key={row === undefined ? index : rowKey(row)}
                id={`${id}-${index}`}
                index={index}
                row={row}
                rowPx={rowPx}
                columns={columns}
                selection={selection}
                isSelected={row !== undefined && selection?.has(row) === true}
                isActive={index === active}
              />
            );
          })}
        </div>
      </div>
    </div>
  );
}

function isRow(target: EventTarget): boolean {
  return target instanceof HTMLElement && target.getAttribute("role") === "row";
}
