import { useSearchParams } from "react-router";
import { useAddressChange } from "../parts/address";
import type { Column } from "./Table";

/** Sorts by its column, and says so in the address. */
export function ColumnHead<Row>({ column }: { column: Column<Row> }) {
  const [search] = useSearchParams();
  const changeAddress = useAddressChange();
  const { title, sort, isNumber, narrow } = column;
  const order = orderBy(search, sort);
  const turn = () =>
    changeAddress((query) => {
      const before = orderBy(query, sort);
      if (before === "descending" || sort === undefined) query.delete("sort");
      else query.set("sort", before === "ascending" ? `-${sort}` : sort);
    });
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

function orderBy(query: URLSearchParams, sort: string | undefined): "none" | "ascending" | "descending" {
  const by = query.get("sort");
  if (sort === undefined || by?.replace(/^-/, "") !== sort) return "none";
  return by?.startsWith("-") ? "descending" : "ascending";
}
