// The rows of a list that are seen, read page by page as one scrolls: nobody turns pages by hand, and a list of 100,000 costs no more than what is looked at.
import { keepPreviousData, useQueries } from "@tanstack/react-query";

export interface Page<Row> {
  items: Row[];
  total: number;
}

export interface Rows<Row> {
  total: number;
  at(index: number): Row | undefined;
  error: Error | null;
  isPending: boolean;
  retry(): void;
}

const perPage = 100;

export type ReadPage<Row> = (page: { page: number; perPage: number }, signal: AbortSignal) => Promise<Page<Row>>;

interface Asked<Row> {
  /** Names the list and its filter. */
  queryKey: readonly unknown[];
  read: ReadPage<Row>;
  first: number;
  last: number;
}

export function usePages<Row>({ queryKey, read, first, last }: Asked<Row>): Rows<Row> {
  const from = Math.floor(first / perPage);
  const to = Math.max(from, Math.floor(Math.max(0, last - 1) / perPage));
  const pages = Array.from({ length: to - from + 1 }, (_, index) => from + index);
  const results = useQueries({
    queries: pages.map((page) => ({
      queryKey: [...queryKey, page],
      queryFn: ({ signal }: { signal: AbortSignal }) => read({ page: page + 1, perPage }, signal),
      placeholderData: page === 0 ? keepPreviousData : undefined,
    })),
  });
  const known = results.find(({ data }) => data !== undefined)?.data;
  const failed = results.find(({ error }) => error !== null);
  return {
    total: known?.total ?? 0,
    at: (index) => results[Math.floor(index / perPage) - from]?.data?.items[index % perPage],
    error: known === undefined ? (failed?.error ?? null) : null,
    isPending: known === undefined && failed === undefined,
    retry: () => void failed?.refetch(),
  };
}
