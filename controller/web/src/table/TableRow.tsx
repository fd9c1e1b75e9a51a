import { memo, type ReactNode } from "react";
import type { Column, Selection } from "./Table";

interface Props<Row> {
  id: string;
  index: number;
  /** Undefined while it is being read. */
  row: Row | undefined;
  rowPx: number;
  columns: readonly Column<Row>[];
  selection: Selection<Row> | undefined;
  isSelected: boolean;
  isActive: boolean;
}

function PlainRow<Row>({ id, index, row, rowPx, columns, selection, isSelected, isActive }: Props<Row>): ReactNode {
  return (
    // biome-ignore lint/a11y/useSemanticElements: a table element cannot hold rows that are placed by scrolling.
    <div
      role="row"
      id={id}
      data-index={index}
      aria-rowindex={index + 2}
      aria-selected={isSelected}
      tabIndex={isActive ? 0 : -1}
      className="cv-table-row"
      style={{ top: index * rowPx }}
    >
      {row !== undefined && selection !== undefined && (
        // biome-ignore lint/a11y/useSemanticElements lint/a11y/useFocusableInteractive: see above.
        <span role="gridcell" className="cv-table-cell">
          <input
            type="checkbox"
            tabIndex={-1}
            aria-label={selection.label(row)}
            checked={isSelected}
            onChange={({ target }) => selection.toggle(row, target.checked)}
          />
        </span>
      )}
      {columns.map((column) => {
        const content = row === undefined ? <span className="cv-bone" /> : column.cell(row);
        return (
          // biome-ignore lint/a11y/useSemanticElements lint/a11y/useFocusableInteractive: see above.
          <span
            key={column.title}
            role="gridcell"
            className="cv-table-cell"
            data-number={column.isNumber}
            data-narrow={column.narrow}
            // A long one is cut off by its column.
            title={typeof content === "string" && content !== "" ? content : undefined}
          >
            {content}
          </span>
        );
      })}
    </div>
  );
}

/** Drawn anew when its row is another, and not with every step of the scrolling. */
export const TableRow = memo(PlainRow) as typeof PlainRow;
