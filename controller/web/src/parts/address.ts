// What a page keeps in its address: filters, order, the line that is linked to.
import { useCallback } from "react";
import { useNavigate } from "react-router";

/**
 * Gives a function that changes the query of the address in its place.
 * It starts from what the address has now: what the page has drawn may be older, when a second key comes before the answer to the first.
 */
export function useAddressChange(): (change: (query: URLSearchParams) => void) => void {
  const navigate = useNavigate();
  return useCallback(
    (change) => {
      const query = new URLSearchParams(window.location.search);
      change(query);
      void navigate({ search: query.toString() }, { replace: true });
    },
    [navigate],
  );
}
