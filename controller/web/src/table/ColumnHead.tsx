import { useSearchParams } from "react-router";
import type { Column } from "./Table";

/** Sorts by its column, and says so in the address. */
export function ColumnHead<Row>({ column }: { column: Column<Row> }) {
  const [search, setSearch] = useSearchParams();
  const { title, sort, isNumber, narrow } = column;
  const by = search.get("sort");
  const order =
    sort === undefined || by?.replace("-", "") !== sort ? "none" : by?.startsWith("-") ? "descending" : "ascending";
  const turn = () =>
    setSearch(
      (before) => {
        const next = new URLSearchParams(before);
        if (order === "descending") next.delete("sort");
        else next.set("sort", order === "ascending" ? `-${sort}` : (sort ?? ""));
        return next;
      },
      { replace: true },
    );
  return (
    // biome-ignore lint/a11y/useSemanticElements lint/a11y/useFocusableInteractive: part of a grid that is made of rows which are placed by scrolling.
    <span role="columnheader" className="cv-table-cell" data-number={isNumber} data-narrow={narrow} aria-sort={order}>
      {sort === undefined ? (
        title
      ) : (
        <button type="button" onClick={turn} title={`Sort by ${title}`}>
          {title}
          <span aria-hidden="true" className="cv-sort">
            {order === "ascending" ? " ▲" : order === "descending" ? " ▼" : ""}
          </span>
        </button>
      )}
    </span>
  );
}
