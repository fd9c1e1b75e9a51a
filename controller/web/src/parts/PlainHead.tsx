export type HeadColumn = string | { title: string; isNumber: true };

interface Props {
  columns: readonly HeadColumn[];
  /** A last column of buttons, which has no title to be seen. */
  hasActs?: boolean;
}

/** The head of a table that is short enough to be plain. */
export function PlainHead({ columns, hasActs = false }: Props) {
  return (
    <thead>
      <tr>
        {columns.map((column) =>
          typeof column === "string" ? (
            <th key={column} scope="col">
              {column}
            </th>
          ) : (
            <th key={column.title} scope="col" data-number="true">
              {column.title}
            </th>
          ),
        )}
        {hasActs && (
          <th scope="col">
            <span className="pf-v6-screen-reader">Acts</span>
          </th>
        )}
      </tr>
    </thead>
  );
}
