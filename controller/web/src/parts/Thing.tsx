import type { UseQueryResult } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { ErrorPanel } from "./ErrorPanel";

interface Props<T> {
  query: UseQueryResult<T, Error>;
  /** "Cannot show the job" */
  act: string;
  skeleton: ReactNode;
  /** Whether it is all of the page. */
  isPage?: boolean;
  children: (data: T) => ReactNode;
}

/** A page, or a part of one, about one thing: its shape while it is read, the thing, or why it cannot be shown. */
export function Thing<T>({ query, act, skeleton, isPage = false, children }: Props<T>) {
  if (query.data !== undefined) return children(query.data);
  if (query.error !== null)
    return <ErrorPanel error={query.error} act={act} onRetry={() => void query.refetch()} isPage={isPage} />;
  return skeleton;
}
